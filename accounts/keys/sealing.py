"""Sealing stored secrets anew, so that an earlier key of the settings is needed no more.

In batches, each a transaction of its own, beside the running exchange: a row is written only where
it still holds what was read. What is sealed by the present key is never read again, so that it goes
on where it was ended, and a second run finds nothing to do.
"""

from typing import Final

import msgspec
from django.db import transaction
from django.db.models import BinaryField, QuerySet
from django.db.models.functions import Substr

from accounts.access.actor import Actor
from accounts.access.key_secrets import open_secret, present_prefix, seal_secret
from accounts.audit import record_act
from accounts.models import ApiKey
from zavora.foundation.errors import ValidationFailed

BATCH_MAX: Final = 5_000


class Resealed(msgspec.Struct, frozen=True):
    """What one batch did. ``last_id``: where the next one begins, None: there is none.

    ``unreadable`` are the ids of keys whose secret no known key opens; they stay as they are.
    """

    resealed: int
    unreadable: tuple[int, ...]
    last_id: int | None


def count_sealed_before() -> int:
    """Return how many secrets are sealed by another key than the present one."""
    return _sealed_before().count()


@transaction.atomic(durable=True)
def reseal_secrets(*, by: Actor, after_id: int, size: int) -> Resealed:
    """Seal a batch of API keys' secrets by the present key, those of ids above ``after_id``.

    Raises Forbidden unless a superuser or the exchange asks, ValidationFailed for a bad ``size``.
    """
    by.require_everything("seal secrets anew")
    if not 0 < size <= BATCH_MAX:
        raise ValidationFailed("bad size", size=f"expected 1 to {BATCH_MAX}")
    rows = list(
        _sealed_before()
        .filter(pk__gt=after_id)
        .order_by("pk")
        .values_list("pk", "lookup", "secret")[:size]
    )
    resealed, unreadable = 0, []
    for pk, name, stored in rows:
        secret = open_secret(bytes(stored or b""), name=name)
        if secret is None:
            unreadable.append(pk)
            continue
        fresh = seal_secret(secret, name=name)
        resealed += ApiKey.objects.filter(pk=pk, secret=stored).update(secret=fresh)
    if resealed:
        record_act(by, "key.reseal", "keys", count=resealed, last=rows[-1][0])
    return Resealed(resealed, tuple(unreadable), rows[-1][0] if len(rows) == size else None)


def _sealed_before() -> QuerySet[ApiKey]:
    prefix = present_prefix()
    return (
        ApiKey.objects.filter(kind=ApiKey.Kind.HMAC, secret__isnull=False)
        .annotate(prefix=Substr("secret", 1, len(prefix), output_field=BinaryField()))
        .exclude(prefix=prefix)
    )
