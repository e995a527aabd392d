"""What a request's idempotency key led to: the first result, told again."""

import msgspec

from matching.models import OrderKey


class KeyResult(msgspec.Struct, frozen=True):
    """What an idempotency key is bound to: a digest of the request, and the encoded first reply."""

    fingerprint: bytes
    result: bytes


def find_key_result(*, account_id: int, key: str) -> KeyResult | None:
    """Return what a key is bound to, if a command with it has committed."""
    row = (
        OrderKey.objects.filter(account_id=account_id, key=key)
        .values_list("fingerprint", "result")
        .first()
    )
    return None if row is None else KeyResult(bytes(row[0]), bytes(row[1]))
