"""The trail: who did what to whose things, written with the effect.

A record belongs to the transaction that it speaks of: both are there or neither is. Recorded is
what operators and the exchange itself do, and what people do to rights, keys, accounts and money of
their own. Orders are not, which the journal has, nor log-ins, which the security log has
(docs/adr/0021-trail.md).
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.access.actor import (
    ADDRESS_LENGTH_MAX,
    CUSTOMER_KINDS,
    REQUEST_ID_LENGTH_MAX,
    Actor,
    ActorKind,
)
from accounts.models import AuditRecord
from zavora.foundation.errors import (
    InvariantBroken,
    OutcomeUnknown,
    ValidationFailed,
    ZavoraError,
)

REASON_LENGTH_MAX: Final = 200
# What can be on record.
ACTS: Final = (
    "account.allow_list",
    "account.cancel_orders",
    "account.open",
    "account.rename",
    "account.status",
    "address.add",
    "address.remove",
    "approval.approve",
    "approval.expire",
    "approval.fail",
    "approval.refuse",
    "approval.request",
    "asset.close",
    "asset.create",
    "asset.open",
    "asset.threshold",
    "balance.adjust",
    "deposit.credit",
    "deposit.faucet",
    "deposit.gateway",
    "deposit.reject",
    "deposit.seen",
    "fees.account",
    "fees.remove_tier",
    "fees.review",
    "fees.tier",
    "group.save",
    "key.change",
    "key.create",
    "key.reseal",
    "key.revoke",
    "liabilities.publish",
    "limit.set",
    "market.change",
    "market.create",
    "market.move",
    "market.phase",
    "member.accept",
    "member.decline",
    "member.invite",
    "member.leave",
    "member.remove",
    "member.role",
    "member.withdraw",
    "note.add",
    "partition.archive",
    "partition.attach",
    "partition.detach",
    "payout.dead",
    "payout.retry",
    "provider.handle",
    "provider.unclear",
    "report.export",
    "report.request",
    "transfer",
    "user.add_factor",
    "user.change_email",
    "user.change_password",
    "user.confirm_email",
    "user.create",
    "user.erase",
    "user.let_in",
    "user.level",
    "user.remove_factor",
    "user.renew_recovery_codes",
    "user.reset_factors",
    "user.reset_link",
    "user.reset_password",
    "user.rights",
    "user.shut_out",
    "withdrawal.approve",
    "withdrawal.cancel",
    "withdrawal.fail",
    "withdrawal.refuse",
    "withdrawal.request",
    "withdrawal.settle",
)


def record_act(
    by: Actor, act: str, subject: str, *, reason: str = "", **details: Any
) -> AuditRecord:
    """Write down one of ``ACTS`` in the present transaction.

    Without a ``reason`` of its own the act has the actor's. What changes something has in its
    details what ``was`` before and what is ``now``, by name, wherever that is no secret.
    ``details`` are JSON-ready, without secrets, and name people by number, never by e-mail address:
    a record stays when the person is erased. Raises InvariantBroken for an act of no name.
    """
    if act not in ACTS:
        raise InvariantBroken(f"an act that nobody knows: {act}")
    return AuditRecord.objects.create(
        actor_kind=by.kind.value,
        actor_name=by.recorded_name,
        role=_role_of(by),
        user_id=by.user_id,
        key_id=by.key_id,
        address=by.address[:ADDRESS_LENGTH_MAX],
        request_id=by.request_id[:REQUEST_ID_LENGTH_MAX],
        act=act,
        subject=subject,
        reason=(reason or by.reason)[:REASON_LENGTH_MAX],
        details=details,
    )


def _role_of(by: Actor) -> str:
    """Return the names of an operator's groups as they are now; nobody else has a role."""
    if by.kind is not ActorKind.OPERATOR:
        return ""
    names = Group.objects.filter(user=by.user_id).order_by("name").values_list("name", flat=True)
    return ", ".join((*(["superuser"] if by.may_everything else []), *names))


@transaction.atomic(durable=True)
def note_act(by: Actor, act: str, subject: str, **details: Any) -> AuditRecord:
    """Write down, in a transaction of its own, an act whose effect another process commits."""
    return record_act(by, act, subject, **details)


@contextmanager
def on_record(by: Actor, act: str, subject: str, **details: Any) -> Iterator[Actor]:
    """Have on record that something is asked of another process, and then what came of it.

    Yields who asks, with a request's id. Without an answer the journal tells what came of it.
    """
    by = msgspec.structs.replace(by, request_id=by.request_id or str(uuid.uuid4()))
    note_act(by, act, subject, outcome="asked", **details)
    try:
        yield by
    except OutcomeUnknown:
        note_act(by, act, subject, outcome="unanswered")
        raise
    except ZavoraError as error:
        note_act(by, act, subject, outcome=f"refused: {error.code}")
        raise
    note_act(by, act, subject, outcome="done")


def checked_reason(reason: str, *, length_max: int = REASON_LENGTH_MAX) -> str:
    """Return a reason without space around it; raise ValidationFailed where there is none."""
    reason = reason.strip()
    if not 0 < len(reason) <= length_max or not reason.isprintable():
        raise ValidationFailed(
            "this needs a reason", reason=f"expected 1 to {length_max} printable characters"
        )
    return reason


def find_operators_act(subjects: Sequence[str], name: str, value: str) -> AuditRecord | None:
    """Return the newest act about one of some subjects whose details say ``name: value``.

    Of operators and of the exchange itself: what customers did to their own is passed over.
    """
    records = AuditRecord.objects.filter(subject__in=subjects, **{f"details__{name}": value})
    return records.exclude(actor_kind__in=CUSTOMER_KINDS).order_by("-pk").first()
