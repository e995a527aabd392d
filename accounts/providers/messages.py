"""What goes between the exchange and a provider, in JSON: webhooks, requests and answers.

Fields that a provider adds are passed over, so it may have more to say than we know of.
"""

from typing import Final, Literal
from uuid import UUID

import msgspec

from zavora.foundation.errors import ValidationFailed
from zavora.foundation.idempotency import is_key

# Of a webhook's body, and of an answer to us.
BODY_BYTES_MAX: Final = 16_384
TEXT_LENGTH_MAX: Final = 200
DEPOSIT_SEEN: Final = "deposit.seen"
DEPOSIT_CONFIRMED: Final = "deposit.confirmed"
DEPOSIT_REJECTED: Final = "deposit.rejected"
WITHDRAWAL_PAID: Final = "withdrawal.paid"

Kind = Literal[
    "deposit.seen", "deposit.confirmed", "deposit.rejected", "withdrawal.paid", "withdrawal.failed"
]
# How an answer says that a payout stands. Refused: it was not taken, and is not kept.
Stand = Literal["accepted", "paid", "failed", "refused"]


class Message(msgspec.Struct, frozen=True, kw_only=True, rename={"kind": "type"}):
    """A webhook. ``reference``: what the provider calls a deposit, and we call a withdrawal.

    ``amount`` is a decimal in the asset's units. ``account`` is a deposit's account id. ``reason``
    says why a deposit was rejected, or a withdrawal failed.
    """

    id: str
    kind: Kind
    reference: str
    asset: str
    amount: str
    account: UUID | None = None
    provider_reference: str = ""
    reason: str = ""


class PayoutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider is asked to pay; ``reference`` is the key under which it pays once."""

    reference: str
    asset: str
    amount: str
    address: str


class PayoutAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How a payout stands at the provider; the same whenever it is asked with the same key."""

    reference: str
    status: Stand
    provider_reference: str = ""
    reason: str = ""


def read_message(body: bytes) -> Message:
    """Return what a webhook's body says; raise ValidationFailed that names what is wrong."""
    try:
        message = msgspec.json.decode(body, type=Message)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValidationFailed("bad event", body=str(error)[:TEXT_LENGTH_MAX]) from None
    for name in ("id", "reference"):
        if not is_key(getattr(message, name)):
            raise ValidationFailed("bad event", **{name: "expected 1 to 128 printable characters"})
    if len(message.asset) > TEXT_LENGTH_MAX or not message.asset.isprintable():
        raise ValidationFailed("bad event", asset="expected the code of an asset")
    if len(message.amount) > TEXT_LENGTH_MAX or not message.amount.isprintable():
        raise ValidationFailed("bad event", amount="expected a decimal as text")
    if message.kind.startswith("deposit.") and message.account is None:
        raise ValidationFailed("bad event", account="expected the id of an account")
    return msgspec.structs.replace(
        message,
        provider_reference=shortened(message.provider_reference, 128),
        reason=shortened(message.reason),
    )


def read_answer(body: bytes) -> PayoutAnswer | None:
    """Return what an answer says, None where it is none."""
    try:
        answer = msgspec.json.decode(body, type=PayoutAnswer)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return msgspec.structs.replace(
        answer,
        provider_reference=shortened(answer.provider_reference, 128),
        reason=shortened(answer.reason),
    )


def shortened(text: str, length_max: int = TEXT_LENGTH_MAX) -> str:
    """Return words of somebody else as a column takes them: printable, and not too long."""
    return "".join(letter for letter in text[:length_max] if letter.isprintable())
