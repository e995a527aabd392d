"""What a provider tells: written as it comes, once, and then applied; out of order is fine.

Two transactions: the first makes the event ours, so that the provider can be answered; the second
does what it says. What ends in between is found by the clockwork. An event never moves money
against what is on record here: where it contradicts that, or is of nobody that is known, nothing is
done, and operators are told.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog
from django.db import connection, transaction

from accounts.access.actor import Actor, Permission
from accounts.access.rights import require_over_owner
from accounts.approval_rows import moment
from accounts.audit import checked_reason, record_act
from accounts.models import Account, Payout, ProviderEvent
from accounts.money.payout_rows import OPEN_STATES, State, lock_payout
from accounts.money.payouts import end_by_provider
from accounts.money.provider_deposits import amount_of, take_deposit
from accounts.money.withdrawal_states import lock_withdrawal
from accounts.providers.messages import WITHDRAWAL_PAID, Message
from zavora.foundation.errors import Conflict, NotFound, ZavoraError

Outcome = ProviderEvent.Outcome
# How long a webhook waits for somebody else's locks; after it the clockwork goes on.
LOCKS_WAIT_MS: Final = 2_000
# The webhook itself applies what it brought; what is older was left behind.
LEFT_BEHIND: Final = timedelta(seconds=5)
WAITING_MAX: Final = 500

log = structlog.get_logger(__name__)


def list_left_events(now: datetime, *, limit: int = WAITING_MAX) -> list[tuple[int, str]]:
    """Return ids and providers of events that nobody applied, in the order in which they came."""
    left = ProviderEvent.objects.filter(outcome=Outcome.WAITING, received_at__lte=now - LEFT_BEHIND)
    return list(left.order_by("received_at", "pk").values_list("pk", "provider")[:limit])


@transaction.atomic(durable=True)
def receive_event(
    *, by: Actor, provider: str, message: Message, now: datetime | None = None
) -> ProviderEvent:
    """Write down what a provider told; the same again is the same row.

    Raises Forbidden for all but the exchange itself and superusers, or Conflict where the event's
    id came with other content.
    """
    by.require_everything("speak for a provider")
    body = msgspec.to_builtins(message)
    event = ProviderEvent(
        provider=provider, event_id=message.id, kind=message.kind, reference=message.reference,
        body=body, received_at=moment(now),
    )  # fmt: skip
    ProviderEvent.objects.bulk_create([event], ignore_conflicts=True)
    found = ProviderEvent.objects.get(provider=provider, event_id=message.id)
    # What ended long ago has no body any more: its id alone says that it is known.
    if found.body and found.body != body:
        raise Conflict("the event's id came with other content", id=message.id)
    return found


@transaction.atomic(durable=True)
def apply_event(*, by: Actor, event_id: int, now: datetime | None = None) -> ProviderEvent:
    """Do what an event says, once; again is fine.

    Raises Forbidden for all but the exchange itself and superusers, or NotFound.
    """
    by.require_everything("speak for a provider")
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {LOCKS_WAIT_MS}")
    event = _lock(event_id)
    if event.outcome != Outcome.WAITING:
        return event
    now = moment(now)
    message = msgspec.convert(event.body, Message)
    try:
        with transaction.atomic():
            is_new = _apply(by, event, message, now)
    except Conflict as error:
        _leave_to_operators(by, event, Outcome.CONTRADICTS, str(error), now)
    except ZavoraError as error:
        _leave_to_operators(by, event, Outcome.UNMATCHED, str(error), now)
    else:
        event.outcome = Outcome.APPLIED if is_new else Outcome.NOTHING
        event.applied_at = now
        event.save()
    return event


def _apply(by: Actor, event: ProviderEvent, message: Message, now: datetime) -> bool:
    if message.kind.startswith("deposit."):
        event.account = _account_of(message)
        return take_deposit(by, event.provider, message, now)
    payout = _payout_of(message, event.provider)
    event.account = payout.account
    return _end_payout(by, payout, message, now)


def _account_of(message: Message) -> Account | None:
    if message.account is None:
        return None
    return Account.objects.filter(public_id=message.account).first()


def _payout_of(message: Message, provider: str) -> Payout:
    try:
        public_id = UUID(message.reference)
    except ValueError:
        raise NotFound("no withdrawal of this reference") from None
    payouts = Payout.objects.select_related("account")
    found = payouts.filter(public_id=public_id, provider=provider).first()
    if found is None:
        raise NotFound("no withdrawal of this reference")
    return found


def _end_payout(by: Actor, found: Payout, message: Message, now: datetime) -> bool:
    """End a payout as its provider says; False: it was so already. Raises Conflict."""
    record, _account, balance = lock_withdrawal(found.withdrawal_id)
    payout = lock_payout(found.pk)
    if (record.asset.code, record.amount) != (message.asset, amount_of(message.amount)):
        raise Conflict(f"it is a withdrawal of {record.amount.normalize():f} {record.asset.code}")
    is_paid = message.kind == WITHDRAWAL_PAID
    if payout.state in OPEN_STATES:
        if not payout.attempts:
            raise Conflict("nobody was asked to pay it")
        payout.provider_reference = message.provider_reference or payout.provider_reference
        end_by_provider(by, payout, record, balance, is_paid=is_paid, note=message.reason, now=now)
        return True
    if (payout.state == State.PAID) != is_paid:
        raise Conflict(f"it is {payout.get_state_display()}")
    return False


def _leave_to_operators(
    by: Actor, event: ProviderEvent, outcome: str, note: str, now: datetime
) -> None:
    """Do nothing, say why, and let operators decide."""
    was = {"outcome": str(event.outcome)}
    event.outcome, event.note, event.applied_at = outcome, note[:200], now
    event.save()
    record_act(
        by, "provider.unclear", _subject_of(event), event=event.event_id, kind=event.kind,
        reference=event.reference, note=event.note, was=was, now={"outcome": str(outcome)},
    )  # fmt: skip
    log.critical("provider_event_unclear", provider=event.provider, outcome=str(outcome),
                 provider_event=event.pk)  # fmt: skip


@transaction.atomic(durable=True)
def handle_event(
    *, by: Actor, event_id: int, reason: str, now: datetime | None = None
) -> ProviderEvent:
    """Say what was done about an event that operators were left to decide about.

    Raises Forbidden, NotFound, ValidationFailed without a reason, or Conflict for any other event.
    """
    by.require(Permission.DECIDE_WITHDRAWAL)
    reason = checked_reason(reason)
    event = _lock(event_id)
    if event.account is not None:
        require_over_owner(by, event.account, what="decide on money")
    if event.outcome not in (Outcome.CONTRADICTS, Outcome.UNMATCHED):
        raise Conflict(f"it is {event.get_outcome_display()}")
    was = {"outcome": str(event.outcome)}
    event.outcome, event.note, event.applied_at = Outcome.HANDLED, reason, moment(now)
    event.save()
    record_act(
        by, "provider.handle", _subject_of(event), reason=reason, event=event.event_id,
        kind=event.kind, reference=event.reference, was=was, now={"outcome": str(event.outcome)},
    )  # fmt: skip
    return event


def _lock(event_id: int) -> ProviderEvent:
    events = ProviderEvent.objects.select_for_update(of=("self",)).select_related("account__owner")
    event = events.filter(pk=event_id).first()
    if event is None:
        raise NotFound("no such event")
    return event


def _subject_of(event: ProviderEvent) -> str:
    if event.account is None:
        return f"provider:{event.provider}"
    return f"account:{event.account.public_id}"
