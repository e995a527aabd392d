"""What services refuse about sharing accounts. Who has which role is tried in ``test_members``."""

from collections.abc import Mapping
from typing import Any, Final

from accounts import services as accounts
from accounts.access.actor import Actor
from tests.actors import SYSTEM, customer, operator
from tests.rules.refusing import Call, Things, key


def _invite(by: Actor, things: Things, **more: Any) -> object:
    asked = {"email": "new@example.com", "role": "viewer", **more}
    return accounts.invite_member(by=by, account_id=things.account, **asked)


def _role(by: Actor, things: Things, role: str = "viewer") -> object:
    return accounts.change_member_role(by=by, account_id=things.account, member_id=0, role=role)


def _remove(by: Actor, things: Things) -> object:
    return accounts.remove_member(by=by, account_id=things.account, member_id=0)


def _withdraw(by: Actor, things: Things) -> object:
    return accounts.withdraw_invitation(by=by, account_id=things.account, invitation_id=0)


REFUSED_MEMBERS: Final[Mapping[str, tuple[Call, ...]]] = {
    "invite_member": (
        lambda ann, bob: _invite(customer(bob.user), ann),
        lambda ann, bob: _invite(key(ann, "read", "trade", "withdraw"), ann),
        lambda ann, bob: _invite(SYSTEM, ann),
        lambda ann, bob: _invite(operator(), ann),
        lambda ann, bob: _invite(customer(ann.user), ann, email=ann.user.email),
        lambda ann, bob: _invite(customer(ann.user), ann, email="nobody"),
        lambda ann, bob: _invite(customer(ann.user), ann, role="owner"),
    ),
    "accept_invitation": (
        lambda ann, bob: accounts.accept_invitation(by=customer(bob.user), token="x" * 43),
        lambda ann, bob: accounts.accept_invitation(by=SYSTEM, token="x" * 43),
    ),
    "decline_invitation": (
        lambda ann, bob: accounts.decline_invitation(by=customer(bob.user), token="x" * 43),
        lambda ann, bob: accounts.decline_invitation(by=SYSTEM, token="x" * 43),
    ),
    "withdraw_invitation": (
        lambda ann, bob: _withdraw(customer(bob.user), ann),
        lambda ann, bob: _withdraw(key(ann, "trade"), ann),
        lambda ann, bob: _withdraw(customer(ann.user), ann),
    ),
    "change_member_role": (
        lambda ann, bob: _role(customer(bob.user), ann),
        lambda ann, bob: _role(key(ann, "trade"), ann),
        lambda ann, bob: _role(customer(ann.user), ann),
        lambda ann, bob: _role(customer(ann.user), ann, "owner"),
    ),
    "remove_member": (
        lambda ann, bob: _remove(customer(bob.user), ann),
        lambda ann, bob: _remove(key(ann, "trade"), ann),
        lambda ann, bob: _remove(customer(ann.user), ann),
    ),
    "leave_account": (
        lambda ann, bob: accounts.leave_account(by=customer(bob.user), account_id=ann.account),
        lambda ann, bob: accounts.leave_account(by=customer(ann.user), account_id=ann.account),
        lambda ann, bob: accounts.leave_account(by=key(ann, "trade"), account_id=ann.account),
    ),
}
