"""What services refuse about providers: payouts and what was told of them."""

import json
from collections.abc import Mapping
from typing import Any, Final

from accounts import services as accounts
from accounts.access.actor import Actor, Permission
from accounts.providers.client import Sent
from accounts.providers.messages import read_message
from tests.actors import SYSTEM, customer
from tests.providers import NAME, deposit_of
from tests.rules.refusing import NOT_SUPERUSER, Call, Things, all_but

DECIDE: Final = Permission.DECIDE_WITHDRAWAL


def _sent(by: Actor, payout_id: int) -> object:
    return accounts.record_sent(by=by, payout_id=payout_id, attempt=1, sent=Sent("paid"))


def _give_up(by: Actor, things: Things, **more: Any) -> object:
    asked = {"payout_id": things.dead.pk, "reason": "no use", **more}
    return accounts.give_up_payout(by=by, **asked)


def _receive(by: Actor, things: Things, **more: Any) -> object:
    told = {**deposit_of("confirmed", "in-1", things.user.accounts.first(), 7), **more}
    message = read_message(json.dumps(told).encode())
    return accounts.receive_event(by=by, provider=NAME, message=message)


def _handle(by: Actor, things: Things, **more: Any) -> object:
    asked = {"event_id": things.event.pk, "reason": "paid back", **more}
    return accounts.handle_event(by=by, **asked)


REFUSED_PROVIDERS: Final[Mapping[str, tuple[Call, ...]]] = {
    "take_payout": (
        lambda ann, bob: accounts.take_payout(by=NOT_SUPERUSER, payout_id=ann.outgoing.pk),
        lambda ann, bob: accounts.take_payout(by=customer(ann.user), payout_id=ann.outgoing.pk),
        lambda ann, bob: accounts.take_payout(by=SYSTEM, payout_id=1),
    ),
    "record_sent": (
        lambda ann, bob: _sent(NOT_SUPERUSER, ann.outgoing.pk),
        lambda ann, bob: _sent(SYSTEM, 1),
    ),
    "retry_payout": (
        lambda ann, bob: accounts.retry_payout(by=all_but(DECIDE), payout_id=ann.dead.pk),
        lambda ann, bob: accounts.retry_payout(by=customer(ann.user), payout_id=ann.dead.pk),
        lambda ann, bob: accounts.retry_payout(by=SYSTEM, payout_id=1),
    ),
    "give_up_payout": (
        lambda ann, bob: _give_up(all_but(DECIDE), ann),
        lambda ann, bob: _give_up(customer(ann.user), ann),
        lambda ann, bob: _give_up(SYSTEM, ann, reason=" "),
        lambda ann, bob: _give_up(SYSTEM, ann, payout_id=ann.outgoing.pk),
        lambda ann, bob: _give_up(SYSTEM, ann, payout_id=1),
    ),
    "receive_event": (
        lambda ann, bob: _receive(NOT_SUPERUSER, ann),
        lambda ann, bob: _receive(customer(ann.user), ann),
        lambda ann, bob: _receive(SYSTEM, ann, id=ann.event.event_id),
    ),
    "apply_event": (
        lambda ann, bob: accounts.apply_event(by=NOT_SUPERUSER, event_id=ann.event.pk),
        lambda ann, bob: accounts.apply_event(by=SYSTEM, event_id=1),
    ),
    "handle_event": (
        lambda ann, bob: _handle(all_but(DECIDE), ann),
        lambda ann, bob: _handle(customer(ann.user), ann),
        lambda ann, bob: _handle(SYSTEM, ann, reason=" "),
        lambda ann, bob: _handle(SYSTEM, ann, event_id=1),
    ),
}
