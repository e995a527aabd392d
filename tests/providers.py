"""A provider for tests: its settings, its signed webhooks, and one whose every move is planned."""

import json
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from django.test import override_settings

from accounts.access.actor import Actor
from accounts.providers.client import Sent
from accounts.providers.messages import PayoutRequest, read_message
from accounts.providers.signing import WINDOW_S
from tests.actors import SYSTEM
from tests.provider_words import OLD_SECRET, OUR_SECRET, THEIR_SECRET, headers_of

NAME: Final = "acme"
PROVIDER: Final = Actor.system(f"provider:{NAME}")
WEBHOOK: Final = "/api/providers/webhook"
SETTINGS: Final[dict[str, Any]] = {
    "ZAVORA_FAUCET": False,
    "ZAVORA_PROVIDER": "webhook",
    "ZAVORA_PROVIDER_NAME": NAME,
    "ZAVORA_PROVIDER_URL": "https://bank.example/api",
    "ZAVORA_PROVIDER_SECRET": OUR_SECRET,
    "ZAVORA_PROVIDER_WEBHOOK_SECRETS": [THEIR_SECRET, OLD_SECRET],
    "ZAVORA_PROVIDER_WEBHOOKS_PER_MINUTE": 0,
}


def event_of(kind: str, reference: object, amount: object, **more: Any) -> dict[str, Any]:
    """Return an event of USD with an id of its own; a decimal is spelled without exponent."""
    spelled = f"{amount:f}" if isinstance(amount, Decimal) else str(amount)
    return {
        "id": uuid4().hex, "type": kind, "reference": str(reference), "asset": "USD",
        "amount": spelled, **more,
    }  # fmt: skip


def deposit_of(kind: str, reference: str, account: Any, amount: object) -> dict[str, Any]:
    """Return an event about a deposit."""
    return event_of(f"deposit.{kind}", reference, amount, account=str(account.public_id))


def post(client: Any, event: Any, *, how: str = "right") -> Any:
    """Send an event as the provider does, or as somebody who is not quite the provider."""
    body = json.dumps(event).encode()
    headers = headers_of(
        body,
        secret="f" * 32 if how == "forged" else THEIR_SECRET,
        age_s=WINDOW_S + 5 if how == "late" else 0,
    )
    if how == "altered":
        body = body.replace(b'"amount": "', b'"amount": "9')
    return client.post(WEBHOOK, body, content_type="application/json", headers=headers)


def ask_for_payout(account: Any, amount: object) -> Any:
    """Ask for a withdrawal that needs nobody's approval; return its payout."""
    from accounts.models import Payout
    from accounts.services import request_withdrawal

    with override_settings(**SETTINGS):
        record = request_withdrawal(
            by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal(str(amount)),
            address="far",
        )  # fmt: skip
    return Payout.objects.get(withdrawal=record)


def sent_payout(account: Any, amount: object, known: Any = "accepted") -> Any:
    """Ask for a withdrawal that is sent once, and this is known of it."""
    from accounts.services import record_sent, take_payout

    taken = take_payout(by=PROVIDER, payout_id=ask_for_payout(account, amount).pk)
    assert taken is not None
    return record_sent(
        by=PROVIDER, payout_id=taken.payout_id, attempt=taken.attempt, sent=Sent(known)
    )


def dead_payout(account: Any, amount: object) -> Any:
    """Ask for a withdrawal that the provider refuses to pay."""
    return sent_payout(account, amount, "refused")


def unmatched_event(account: Any) -> Any:
    """Let the provider tell of an asset that nobody knows."""
    from accounts.services import apply_event, receive_event

    told = deposit_of("confirmed", f"in-{account.pk}", account, 5)
    message = read_message(json.dumps({**told, "asset": "SAND"}).encode())
    event = receive_event(by=PROVIDER, provider=NAME, message=message)
    return apply_event(by=PROVIDER, event_id=event.pk)


class Killed(BaseException):
    """The process ends: whatever it had not committed is lost."""


class PlannedProvider:
    """Pays once under a key; what goes wrong on the way to it and back is planned.

    ``known`` has how each payout stands here; ``told`` every webhook that it ever wrote.
    """

    def __init__(self) -> None:
        self.plan = "answer"
        self.known: dict[str, Any] = {}
        self.requests: dict[str, PayoutRequest] = {}
        self.told: list[dict[str, Any]] = []

    def send(self, request: PayoutRequest) -> Sent:
        """Be asked to pay, as the plan has it."""
        plan, reference = self.plan, request.reference
        if plan == "killed before":
            raise Killed
        if plan == "down":
            return Sent("unsent", "no such host")
        if plan == "error":
            return Sent("unknown", "status 500")
        assert self.requests.setdefault(reference, request) == request
        if plan == "refuse" and reference not in self.known:
            return Sent("refused", "no such address")
        status = self.known.setdefault(reference, "accepted")
        if plan == "pay at once" and status == "accepted":
            self.end(reference, is_paid=True)
        if plan == "killed after":
            raise Killed
        if plan == "answer lost":
            return Sent("unknown", "the connection was dropped")
        status = self.known[reference]
        return Sent("refused", "void") if status == "void" else Sent(status)

    def end(self, reference: str, *, is_paid: bool) -> None:
        """Pay what was accepted, or fail to; and tell."""
        if self.known.get(reference) != "accepted":
            return
        self.known[reference] = "paid" if is_paid else "failed"
        kind = f"withdrawal.{self.known[reference]}"
        self.told.append(event_of(kind, reference, self.requests[reference].amount))

    def void(self, reference: str) -> bool:
        """Be asked never to pay; return whether that holds."""
        if self.known.get(reference) in (None, "accepted"):
            self.known[reference] = "void"
        return self.known[reference] != "paid"
