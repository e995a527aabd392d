"""What each role in an account may do, in the services; orders are the APIs' own."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest
from django.test import override_settings

from accounts.access.callers import ROLE_SCOPES, SCOPES, Role
from accounts.access.selectors import get_caller_of_user
from accounts.services import (
    add_address,
    cancel_own_withdrawal,
    change_member_role,
    create_account,
    deposit,
    ensure_user,
    invite_member,
    remove_address,
    remove_member,
    rename_account,
    request_report,
    request_withdrawal,
    set_allow_list,
    transfer,
    withdraw_invitation,
)
from tests.actors import SYSTEM, customer
from tests.admin_walk import fingerprint
from tests.members import shared
from zavora.foundation.errors import (
    Forbidden,
    ZavoraError,
)

pytestmark = pytest.mark.django_db

USD: Final = {"asset": "USD", "amount": Decimal(5)}
DAYS: Final = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC))


@pytest.fixture
def bob(db):
    return ensure_user(by=SYSTEM, email="bob@example.com")


Act = Callable[[Any, Any], object]


@override_settings(ZAVORA_FAUCET=True)
def _use_faucet(by, it):
    deposit(by=by, account_id=it.id, source="faucet", **USD)


# Each service about an account that a customer may call, and the least role that it asks for.
# Orders are the APIs' (tests/integration/access).
ACTS: Final[Mapping[str, tuple[Role, Act]]] = {
    "report": (Role.VIEWER, lambda by, it: request_report(
        by=by, account_id=it.id, kind="statement", format="csv",
        period_from=DAYS[0], period_to=DAYS[1],
    )),
    "faucet": (Role.OWNER, _use_faucet),
    "withdraw": (Role.OWNER, lambda by, it: request_withdrawal(
        by=by, account_id=it.id, address="far", **USD
    )),
    "cancel withdrawal": (Role.OWNER, lambda by, it: cancel_own_withdrawal(
        by=by, account_id=it.id, withdrawal_id=it.withdrawal
    )),
    "transfer out": (Role.OWNER, lambda by, it: transfer(
        by=by, from_account=it.id, to_account=it.second, **USD
    )),
    "transfer in": (Role.OWNER, lambda by, it: transfer(
        by=by, from_account=it.second, to_account=it.id, **USD
    )),
    "add address": (Role.OWNER, lambda by, it: add_address(
        by=by, account_id=it.id, asset="USD", address="near"
    )),
    "remove address": (Role.OWNER, lambda by, it: remove_address(
        by=by, account_id=it.id, address_id=it.address
    )),
    "allow-list": (Role.OWNER, lambda by, it: set_allow_list(
        by=by, account_id=it.id, is_on=True
    )),
    "rename": (Role.OWNER, lambda by, it: rename_account(by=by, account_id=it.id, label="New")),
    "invite": (Role.OWNER, lambda by, it: invite_member(
        by=by, account_id=it.id, email="new@example.com", role="viewer"
    )),
    "withdraw invitation": (Role.OWNER, lambda by, it: withdraw_invitation(
        by=by, account_id=it.id, invitation_id=it.invitation
    )),
    "change role": (Role.OWNER, lambda by, it: change_member_role(
        by=by, account_id=it.id, member_id=it.member, role="trader"
    )),
    "remove member": (Role.OWNER, lambda by, it: remove_member(
        by=by, account_id=it.id, member_id=it.member
    )),
}  # fmt: skip
RANKS: Final = {None: 0, Role.VIEWER: 1, Role.TRADER: 2, Role.OWNER: 3}


class Things:
    """An account with one of everything that a customer can act on."""

    def __init__(self, account: Any) -> None:
        self.owner = account.owner
        self.id = account.public_id
        by = customer(account.owner)
        self.second = create_account(by=by, owner_id=account.owner_id, label="Second").public_id
        for one in (self.id, self.second):
            deposit(by=SYSTEM, account_id=one, asset="USD", amount=Decimal(100), source="bank")
        asked = request_withdrawal(by=SYSTEM, account_id=self.id, address="far", **USD)
        self.withdrawal = asked.pk
        self.address = add_address(by=SYSTEM, account_id=self.id, asset="USD", address="far").pk
        invitation, _ = invite_member(
            by=by, account_id=self.id, email="late@example.com", role="viewer"
        )
        self.invitation = invitation.pk
        cat = ensure_user(by=SYSTEM, email="cat@example.com")
        self.member = shared(account, cat, "viewer").pk


def person_of(role, account, bob):
    if role is Role.OWNER:
        return account.owner
    if role is not None:
        shared(account, bob, role.value)
    return bob


@pytest.mark.parametrize("role", RANKS)
def test_each_role_may_do_what_the_table_says_and_leaves_the_rest_as_it_was(
    role, account, usd, bob, settings
):
    settings.ZAVORA_FAUCET = False  # withdrawals wait
    things = Things(account)
    by = customer(person_of(role, account, bob))
    found = {}
    for name, (_, act) in ACTS.items():
        before = fingerprint()
        try:
            act(by, things)
            found[name] = "yes"
        except ZavoraError as error:
            found[name] = type(error).__name__
        assert (fingerprint() == before) == (found[name] != "yes"), name

    no = "AccountNotFound" if role is None else "Forbidden"
    refused = dict.fromkeys(ACTS, no) | {"transfer in": "AccountNotFound"}  # the other account
    assert found == {
        name: "yes" if RANKS[role] >= RANKS[least] else refused[name]
        for name, (least, _) in ACTS.items()
    }


@pytest.mark.parametrize("role", [Role.VIEWER, Role.TRADER])
def test_members_may_with_any_scope_what_their_role_says(role, account, bob):
    shared(account, bob, role.value)
    caller = get_caller_of_user(bob.pk)

    assert caller.scopes == frozenset(SCOPES)
    for scope in SCOPES:
        if scope in ROLE_SCOPES[role]:
            assert caller.account_pk(account.public_id, scope) == account.pk
        else:
            with pytest.raises(Forbidden):
                caller.account_pk(account.public_id, scope)
    with pytest.raises(Forbidden):
        caller.own_account_pk(account.public_id)
    own = bob.accounts.get()
    assert caller.own_account_pk(own.public_id) == own.pk
    # "All" is never an account of somebody else's.
    assert list(caller.meant_by_all) == [own.public_id]
    assert list(caller.accounts) == [own.public_id, account.public_id]
