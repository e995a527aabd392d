"""When a key was last used: a hint for its owner, not a record, and the cheapest write there is."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from django.db import connection, transaction
from django.db.models import Q

from accounts.access.actor import ADDRESS_LENGTH_MAX
from accounts.access.attempts import network_of
from accounts.models import ApiKey
from zavora.foundation.times import moment_of

PERIOD_S: Final = 60


class KeyUse(NamedTuple):
    """A key was used from an address, at a time in microseconds."""

    key_id: int
    address: str
    used_us: int


def write_last_uses(uses: Sequence[KeyUse]) -> None:
    """Write down uses, of each key one; what was written less than a minute before stays.

    Of an address its network is kept: an IPv4 address, the first half of an IPv6 one. Waits for no
    disk: what a crash takes is a hint.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO off")
        # In the order of keys, as every process writes them: none waits for another in a circle.
        for use in sorted(uses):
            used_at = moment_of(use.used_us)
            is_due = Q(last_used_at__isnull=True) | Q(
                last_used_at__lte=used_at - timedelta(seconds=PERIOD_S)
            )
            ApiKey.objects.filter(is_due, pk=use.key_id).update(
                last_used_at=used_at,
                last_used_from=network_of(use.address)[:ADDRESS_LENGTH_MAX],
            )
