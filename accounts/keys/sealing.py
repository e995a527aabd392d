"""Sealing stored secrets anew, so that an earlier key of the settings is needed no more.

In batches, each a transaction of its own, beside the running exchange: a row is written only where
it still holds what was read. What is sealed by the present key is never read again, so that it goes
on where it was ended, and a second run finds nothing to do.
"""

from typing import Final

import msgspec
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import BinaryField, QuerySet
from django.db.models.functions import Substr

from accounts.access.actor import Actor
from accounts.access.factor_secrets import is_sealed_now, open_factor, seal_factor
from accounts.access.key_secrets import open_secret, present_prefix, seal_secret
from accounts.audit import record_act
from accounts.models import ApiKey
from zavora.foundation.errors import ValidationFailed

BATCH_MAX: Final = 5_000
# Where second factors have what is sealed: apps, recovery codes. Passkeys have public keys alone.
FACTOR_TYPES: Final = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
FACTOR_SECRETS: Final = ("secret", "seed")


class Resealed(msgspec.Struct, frozen=True):
    """What one batch did. ``last_id``: where the next one begins, None: there is none.

    ``unreadable`` are the ids of rows whose secret no known key opens; they stay as they are.
    """

    resealed: int
    unreadable: tuple[int, ...]
    last_id: int | None


def count_sealed_before() -> int:
    """Return how many secrets are sealed by another key than the present one."""
    factors = Authenticator.objects.filter(type__in=FACTOR_TYPES).iterator(chunk_size=BATCH_MAX)
    return _sealed_before().count() + sum(map(bool, map(_secrets_before, factors)))


@transaction.atomic(durable=True)
def reseal_secrets(*, by: Actor, after_id: int, size: int) -> Resealed:
    """Seal a batch of API keys' secrets by the present key, those of ids above ``after_id``.

    Raises Forbidden unless a superuser or the exchange asks, ValidationFailed for a bad ``size``.
    """
    _check(by, size)
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


@transaction.atomic(durable=True)
def reseal_factors(*, by: Actor, after_id: int, size: int) -> Resealed:
    """Seal a batch of second factors' secrets by the present key, as ``reseal_secrets`` keys'."""
    _check(by, size)
    factors = Authenticator.objects.select_for_update().filter(type__in=FACTOR_TYPES)
    rows = list(factors.filter(pk__gt=after_id).order_by("pk")[:size])
    resealed, unreadable = 0, []
    for row in rows:
        opened = {name: open_factor(row.data[name]) for name in _secrets_before(row)}
        if None in opened.values():
            unreadable.append(row.pk)
        elif opened:
            row.data |= {name: seal_factor(text) for name, text in opened.items() if text}
            row.save(update_fields=["data"])
            resealed += 1
    if resealed:
        record_act(by, "key.reseal", "factors", count=resealed, last=rows[-1].pk)
    return Resealed(resealed, tuple(unreadable), rows[-1].pk if len(rows) == size else None)


def _check(by: Actor, size: int) -> None:
    by.require_everything("seal secrets anew")
    if not 0 < size <= BATCH_MAX:
        raise ValidationFailed("bad size", size=f"expected 1 to {BATCH_MAX}")


def _secrets_before(row: Authenticator) -> list[str]:
    """Return the names of a factor's secrets that another key than the present one sealed."""
    return [
        name for name in FACTOR_SECRETS if name in row.data and not is_sealed_now(row.data[name])
    ]


def _sealed_before() -> QuerySet[ApiKey]:
    prefix = present_prefix()
    return (
        ApiKey.objects.filter(kind=ApiKey.Kind.HMAC, secret__isnull=False)
        .annotate(prefix=Substr("secret", 1, len(prefix), output_field=BinaryField()))
        .exclude(prefix=prefix)
    )


def list_unreadable() -> list[str]:
    """Return what no key of the settings opens: sealed secrets of API keys and second factors."""
    keys = ApiKey.objects.filter(secret__isnull=False).order_by("pk")
    unreadable = [
        f"API key {pk}"
        for pk, name, stored in keys.values_list("pk", "lookup", "secret").iterator(BATCH_MAX)
        if stored and open_secret(bytes(stored), name=name) is None
    ]
    factors = Authenticator.objects.filter(type__in=FACTOR_TYPES).order_by("pk")
    for row in factors.iterator(BATCH_MAX):
        sealed = [row.data[name] for name in FACTOR_SECRETS if name in row.data]
        if any(open_factor(secret) is None for secret in sealed):
            unreadable.append(f"second factor {row.pk}")
    return unreadable
