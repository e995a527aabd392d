"""What services refuse about approvals, failures, address books and limits."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from accounts import services as accounts
from accounts.access.actor import Actor, Permission
from tests.actors import SYSTEM, customer, operator
from tests.rules.refusing import CREDIT, NOT_SUPERUSER, USD, Call, Things, all_but, key


def _fail(by: Actor, things: Things, **more: Any) -> object:
    asked = {"withdrawal_id": things.withdrawal, "reason": "it came back", **more}
    return accounts.fail_withdrawal(by=by, **asked)


def _decisions(decide: Callable[..., object]) -> tuple[Call, ...]:
    """Return who does not decide about Ann's withdrawal, of those who may decide about others'."""

    def call(by: Callable[[Things], Actor], **more: Any) -> Call:
        return lambda ann, bob: decide(
            by=by(ann), **{"approval_id": ann.approval, "reason": "why not", **more}
        )

    return (
        call(lambda ann: all_but(Permission.APPROVE_WITHDRAWAL)),
        call(lambda ann: customer(ann.user)),
        call(lambda ann: key(ann, "read", "trade", "withdraw")),
        call(lambda ann: operator(*Permission, user_id=ann.user.pk)),
        call(lambda ann: SYSTEM),
        call(lambda ann: NOT_SUPERUSER, approval_id=1),
        call(lambda ann: NOT_SUPERUSER, reason=" "),
    )


def _threshold(by: Actor, **more: Any) -> object:
    asked = {"code": "USD", "amount": Decimal(1), "reason": "why not", **more}
    return accounts.submit_threshold(by=by, **asked)


def _address(by: Actor, things: Things, **more: Any) -> object:
    asked = {"account_id": things.account, "asset": "USD", "address": "far", **more}
    return accounts.add_address(by=by, **asked)


def _remove(by: Actor, things: Things) -> object:
    return accounts.remove_address(by=by, account_id=things.account, address_id=1)


def _allow_list(by: Actor, things: Things) -> object:
    return accounts.set_allow_list(by=by, account_id=things.account, is_on=True)


def _limit(by: Actor, **more: Any) -> object:
    asked = {"asset": "USD", "per_day": Decimal(5), "reason": "why not", **more}
    return accounts.set_withdrawal_limit(by=by, **asked)


def _note(by, ann, text="called"):
    return accounts.add_note(by=by, user_id=ann.user.pk, text=text)


def _level(by: Actor, things: Things, **more: Any) -> object:
    asked = {"user_id": things.user.pk, "level": 1, "reason": "why not", **more}
    return accounts.set_verification_level(by=by, **asked)


REFUSED_DECISIONS: Final[Mapping[str, tuple[Call, ...]]] = {
    "fail_withdrawal": (
        lambda ann, bob: _fail(all_but(Permission.DECIDE_WITHDRAWAL), ann),
        lambda ann, bob: _fail(customer(ann.user), ann),
        lambda ann, bob: _fail(SYSTEM, ann, reason=" "),
        lambda ann, bob: _fail(SYSTEM, ann, withdrawal_id=ann.waiting),
        lambda ann, bob: _fail(SYSTEM, ann, withdrawal_id=1),
    ),
    # --- what others decide
    "approve": _decisions(accounts.approve),
    "refuse": _decisions(accounts.refuse),
    "expire_approval": (
        lambda ann, bob: accounts.expire_approval(by=NOT_SUPERUSER, approval_id=ann.approval),
        lambda ann, bob: accounts.expire_approval(by=SYSTEM, approval_id=ann.approval),
        lambda ann, bob: accounts.expire_approval(by=SYSTEM, approval_id=1),
    ),
    "submit_adjustment": (
        lambda ann, bob: accounts.submit_adjustment(
            by=all_but(Permission.ADJUST_BALANCE), account_id=ann.account, reason="typo", **USD
        ),
        lambda ann, bob: accounts.submit_adjustment(
            by=SYSTEM, account_id=ann.account, asset="USD", amount=Decimal(-91), reason="typo"
        ),
    ),
    "submit_credit": (
        lambda ann, bob: accounts.submit_credit(
            by=all_but(Permission.CREDIT_DEPOSIT), account_id=ann.account, **CREDIT
        ),
        lambda ann, bob: accounts.submit_credit(
            by=SYSTEM, account_id=ann.account, **(CREDIT | {"external_reference": ""})
        ),
    ),
    "submit_threshold": (
        lambda ann, bob: _threshold(all_but(Permission.CHANGE_THRESHOLD)),
        lambda ann, bob: _threshold(customer(ann.user)),
        lambda ann, bob: _threshold(SYSTEM, code="JPY"),
        lambda ann, bob: _threshold(SYSTEM, amount=Decimal(-1)),
        lambda ann, bob: _threshold(SYSTEM, amount=Decimal("NaN")),
        lambda ann, bob: _threshold(SYSTEM, reason=""),
    ),
    # --- where it goes, and how much a day
    "add_address": (
        lambda ann, bob: _address(customer(bob.user), ann),
        lambda ann, bob: _address(key(ann, "read", "trade"), ann),
        lambda ann, bob: _address(key(ann, "withdraw", only_account=bob.account_pk), ann),
        lambda ann, bob: _address(NOT_SUPERUSER, ann),
        lambda ann, bob: _address(customer(ann.user), ann, address=" "),
        lambda ann, bob: _address(customer(ann.user), ann, address="x" * 129),
        lambda ann, bob: _address(customer(ann.user), ann, label="x" * 65),
        lambda ann, bob: _address(customer(ann.user), ann, asset="JPY"),
    ),
    "remove_address": (
        lambda ann, bob: _remove(customer(bob.user), ann),
        lambda ann, bob: _remove(key(ann, "read", "trade"), ann),
        lambda ann, bob: _remove(customer(ann.user), ann),  # there is none of this number
    ),
    "set_allow_list": (
        lambda ann, bob: _allow_list(customer(bob.user), ann),
        lambda ann, bob: _allow_list(key(ann, "read", "trade"), ann),
        lambda ann, bob: _allow_list(NOT_SUPERUSER, ann),
    ),
    "set_withdrawal_limit": (
        lambda ann, bob: _limit(all_but(Permission.CHANGE_LIMIT), account_id=ann.account),
        lambda ann, bob: _limit(customer(ann.user), account_id=ann.account),
        lambda ann, bob: _limit(SYSTEM),
        lambda ann, bob: _limit(SYSTEM, account_id=ann.account, level=0),
        lambda ann, bob: _limit(SYSTEM, level=10),
        lambda ann, bob: _limit(SYSTEM, level=0, per_day=Decimal(-1)),
        lambda ann, bob: _limit(SYSTEM, level=0, reason=""),
    ),
    "set_verification_level": (
        lambda ann, bob: _level(all_but(Permission.CHANGE_LEVEL), ann),
        lambda ann, bob: _level(customer(ann.user), ann),
        lambda ann, bob: _level(SYSTEM, ann, level=-1),
        lambda ann, bob: _level(SYSTEM, ann, reason=""),
    ),
    "add_note": (
        lambda ann, bob: _note(all_but(Permission.ADD_NOTE), ann),
        lambda ann, bob: _note(customer(ann.user), ann),
        lambda ann, bob: _note(SYSTEM, ann),  # who is no author
        lambda ann, bob: _note(operator(*Permission), ann, text=" "),
        lambda ann, bob: _note(operator(*Permission), ann, text="x" * 1_001),
    ),
}
