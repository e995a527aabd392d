"""Members of an account: how one comes in, and what ends with it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.access.actor import ActorKind
from accounts.access.callers import Role
from accounts.access.selectors import find_api_key, find_caller_by_token, get_caller_of_user
from accounts.models import ApiKey, AuditRecord, Invitation, Membership
from accounts.people import invitations
from accounts.people.selectors import get_reached_account, list_reached_accounts
from accounts.services import (
    MEMBERS_MAX,
    KeyTerms,
    accept_invitation,
    change_member_role,
    create_account,
    create_key,
    create_token,
    decline_invitation,
    ensure_user,
    invite_member,
    leave_account,
    remove_member,
    request_report,
    set_user_active,
    withdraw_invitation,
)
from tests.actors import SYSTEM, customer
from tests.admin_walk import fingerprint
from tests.members import invited, shared
from zavora.foundation.errors import (
    AccountNotFound,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    ValidationFailed,
)

pytestmark = pytest.mark.django_db

USD: Final = {"asset": "USD", "amount": Decimal(5)}
DAYS: Final = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC))


@pytest.fixture
def bob(db):
    return ensure_user(by=SYSTEM, email="bob@example.com")


def reach(person):
    caller = get_caller_of_user(person.pk)
    return [(pk, caller.role_in(pk)) for pk in caller.accounts.values()]


def records():
    found = AuditRecord.objects.filter(act__startswith="member.").order_by("pk")
    return [(one.act, one.user_id, one.details.get("was"), one.details["now"]) for one in found]


def test_an_invitation_is_accepted_once_by_whoever_has_the_address(account, bob):
    cat = ensure_user(by=SYSTEM, email="cat@example.com")
    token = invited(account, " Bob@Example.com ")
    before = fingerprint()
    for by, text in (
        (customer(cat), token),
        (customer(account.owner), token),
        (customer(bob), token[:-1] + ("a" if token[-1] != "a" else "b")),
        (customer(bob), ""),
        (customer(bob), "x" * 1_000),
        (customer(bob), Invitation.objects.get().token_digest),
    ):
        for act in (accept_invitation, decline_invitation):
            with pytest.raises(NotFound):
                act(by=by, token=text)
    assert fingerprint() == before

    member = accept_invitation(by=customer(bob), token=token)

    assert (member.account, member.user, member.role, member.made_by) == (
        account, bob, "trader", account.owner,
    )  # fmt: skip
    assert reach(bob) == [(bob.accounts.get().pk, Role.OWNER), (account.pk, Role.TRADER)]
    assert list_reached_accounts(bob.pk) == [bob.accounts.get(), account]
    assert get_reached_account(account.public_id, user_id=bob.pk) == (account, Role.TRADER)
    before = fingerprint()
    for act in (accept_invitation, decline_invitation):
        with pytest.raises(NotFound):
            act(by=customer(bob), token=token)
    assert fingerprint() == before
    assert records() == [
        ("member.invite", account.owner_id, {"role": None}, {"role": "trader"}),
        ("member.accept", bob.pk, {"role": None}, {"role": "trader"}),
    ]
    # Nothing that could be used is written down anywhere.
    assert token not in str(list(AuditRecord.objects.values())) + str(Invitation.objects.values())


def test_each_act_is_on_record_with_what_was_and_what_is(account, bob):
    by, asked = customer(account.owner), {"account_id": account.public_id}
    known = AuditRecord.objects.latest("pk").pk
    decline_invitation(by=customer(bob), token=invited(account, "bob@example.com"))
    again = invite_member(by=by, **asked, email=bob.email, role="viewer")[0]
    withdraw_invitation(by=by, **asked, invitation_id=again.pk)
    member = shared(account, bob, "trader")
    for _ in range(2):  # the same once more is nothing new
        change_member_role(by=by, **asked, member_id=member.pk, role="viewer")
    remove_member(by=by, **asked, member_id=member.pk)
    shared(account, bob, "viewer")
    leave_account(by=customer(bob), **asked)

    ann, nothing = account.owner_id, {"role": None}
    viewer, trader = {"role": "viewer"}, {"role": "trader"}
    assert records() == [
        ("member.invite", ann, nothing, trader),
        ("member.decline", bob.pk, {"state": "open"}, {"state": "declined"}),
        ("member.invite", ann, nothing, viewer),
        ("member.withdraw", ann, {"state": "open"}, {"state": "withdrawn"}),
        ("member.invite", ann, nothing, trader),
        ("member.accept", bob.pk, nothing, trader),
        ("member.role", ann, trader, viewer),
        ("member.remove", ann, viewer, nothing),
        ("member.invite", ann, nothing, viewer),
        ("member.accept", bob.pk, nothing, viewer),
        ("member.leave", bob.pk, viewer, nothing),
    ]
    about = AuditRecord.objects.filter(pk__gt=known).values_list("subject", flat=True)
    assert set(about) == {f"account:{account.public_id}"}


def test_an_address_that_is_not_proved_accepts_nothing(account, bob):
    token = invited(account, "bob@example.com")
    EmailAddress.objects.filter(user=bob).update(verified=False)

    with pytest.raises(NotFound):
        accept_invitation(by=customer(bob), token=token)

    EmailAddress.objects.filter(user=bob).update(verified=True)
    accept_invitation(by=customer(bob), token=token)


@pytest.mark.parametrize("end", ["time", "declined", "withdrawn", "another"])
def test_an_invitation_that_is_over_is_as_if_there_were_none(end, account, bob):
    token = invited(account, "bob@example.com")
    row = Invitation.objects.get()
    assert row.state == "open"
    if end == "time":
        Invitation.objects.update(expires_at=timezone.now())
    elif end == "declined":
        decline_invitation(by=customer(bob), token=token)
    elif end == "withdrawn":
        withdraw_invitation(
            by=customer(account.owner), account_id=account.public_id, invitation_id=row.pk
        )
    else:
        accept_invitation(by=customer(bob), token=invited(account, bob.email, "viewer"))

    row.refresh_from_db()
    assert row.state == {"time": "expired", "another": "withdrawn"}.get(end, end)
    with pytest.raises(NotFound):
        accept_invitation(by=customer(bob), token=token)
    assert [one.role for one in Membership.objects.all()] == ["viewer"] * (end == "another")
    # It can be asked again, whatever became of the last one.
    if end != "another":
        accept_invitation(by=customer(bob), token=invited(account, "bob@example.com"))


def test_whether_an_address_has_a_user_changes_nothing_of_the_answer(account, bob):
    by = customer(account.owner)
    found = [
        invite_member(by=by, account_id=account.public_id, email=email, role="viewer")[0]
        for email in (bob.email, "nobody@example.com")
    ]

    assert [(one.state, one.role) for one in found] == [("open", "viewer")] * 2


@pytest.mark.parametrize(
    ("email", "role", "field"),
    [
        ("nonsense", "viewer", "email"),
        ("x" * 250 + "@example.com", "viewer", "email"),
        ("ANN@example.com", "viewer", "email"),
        ("cat@example.com", "viewer", "email"),
        ("dan@example.com", "owner", "role"),
        ("dan@example.com", "", "role"),
    ],
)
def test_a_bad_invitation_names_the_field(email, role, field, account):
    shared(account, ensure_user(by=SYSTEM, email="cat@example.com"), "viewer")
    before = fingerprint()

    with pytest.raises(ValidationFailed) as refused:
        invited(account, email, role)

    assert list(refused.value.details) == [field]
    assert fingerprint() == before


def test_keys_and_the_exchange_share_no_accounts(account, bob):
    member = shared(account, bob, "viewer")
    key = customer(account.owner, kind=ActorKind.KEY, key_id=1)
    asked = {"account_id": account.public_id}
    before = fingerprint()
    for by in (key, SYSTEM):
        for act in (
            lambda by: invite_member(by=by, **asked, email="x@example.com", role="viewer"),
            lambda by: change_member_role(by=by, **asked, member_id=member.pk, role="trader"),
            lambda by: remove_member(by=by, **asked, member_id=member.pk),
            lambda by: withdraw_invitation(by=by, **asked, invitation_id=1),
            lambda by: leave_account(by=by, **asked),
        ):
            with pytest.raises(Forbidden):
                act(by)
    assert fingerprint() == before


def test_an_account_has_so_many_members_and_invitations(account):
    by = customer(account.owner)
    for number in range(MEMBERS_MAX):
        invited(account, f"person-{number}@example.com")

    with pytest.raises(Conflict):
        invited(account, "one.more@example.com")
    # The same address once more is no more.
    invited(account, "person-0@example.com")
    first = Invitation.objects.filter(withdrawn_at=None).earliest("pk")
    withdraw_invitation(by=by, account_id=account.public_id, invitation_id=first.pk)
    invited(account, "one.more@example.com")


def test_nobody_is_flooded_with_invitations(account):
    for _ in range(invitations.INVITATIONS_TO_AN_ADDRESS_A_DAY_MAX):
        invited(account, "bob@example.com")
    with pytest.raises(RateLimited):
        invited(account, "bob@example.com")
    invited(account, "another@example.com")

    Invitation.objects.update(created_at=timezone.now() - timedelta(days=1))
    invited(account, "bob@example.com")


def test_a_person_invites_so_often_a_day_to_all_accounts_together(account):
    second = create_account(by=customer(account.owner), owner_id=account.owner_id, label="Second")
    Invitation.objects.bulk_create(
        Invitation(
            account=second, email=f"person-{number}@example.com", role="viewer",
            token_digest=f"{number}", made_by=account.owner, withdrawn_at=timezone.now(),
            expires_at=timezone.now(),
        )
        for number in range(invitations.INVITATIONS_A_DAY_MAX)
    )  # fmt: skip
    with pytest.raises(RateLimited):
        invited(account, "bob@example.com")

    Invitation.objects.update(created_at=timezone.now() - timedelta(days=1))
    invited(account, "bob@example.com")


def test_the_table_itself_has_each_member_once_with_a_known_role(account, bob):
    shared(account, bob, "viewer")
    for role in ("viewer", "owner"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Membership.objects.create(account=account, user=bob, role=role, made_by=account.owner)


# --- keys, and what ends with a membership --------------------------------------------------------


def signing(person, account, *scopes):
    terms = KeyTerms(scopes=scopes, account_id=account.public_id)
    return create_key(by=customer(person), kind="hmac", terms=terms)[0]


def test_a_key_for_a_shared_account_is_never_wider_than_the_role(account, bob):
    member = shared(account, bob, "trader")
    with pytest.raises(ValidationFailed) as refused:
        signing(bob, account, "read", "withdraw")
    assert "trader" in refused.value.details["scopes"]
    key = signing(bob, account, "read", "trade")
    assert find_api_key(key.lookup).caller.scopes == {"read", "trade"}

    change_member_role(
        by=customer(account.owner), account_id=account.public_id, member_id=member.pk,
        role="viewer",
    )  # fmt: skip

    caller = find_api_key(key.lookup).caller
    assert caller.scopes == {"read"}
    assert (caller.accounts, caller.meant_by_all) == ({account.public_id: account.pk},) * 2
    with pytest.raises(ValidationFailed):
        signing(bob, account, "trade")


def test_a_key_without_an_account_reaches_what_is_its_owners_alone(account, bob):
    shared(account, bob, "trader")
    _, token = create_token(by=customer(bob), user_id=bob.pk, scopes=["read", "trade"])

    assert list(find_caller_by_token(token).accounts) == [bob.accounts.get().public_id]
    key = customer(bob, kind=ActorKind.KEY, key_id=1)
    with pytest.raises(AccountNotFound):
        request_report(
            by=key,
            account_id=account.public_id,
            kind="statement",
            format="csv",
            period_from=DAYS[0],
            period_to=DAYS[1],
        )


@pytest.mark.parametrize("end", ["removed", "left"])
def test_what_a_member_had_ends_with_the_membership_and_stays_ended(end, account, bob):
    member = shared(account, bob, "trader")
    key = signing(bob, account, "read", "trade")
    _, token = create_token(
        by=customer(bob), user_id=bob.pk, scopes=["read"], account_id=account.public_id
    )
    own = signing(bob, bob.accounts.get(), "trade")

    if end == "removed":
        remove_member(by=customer(account.owner), account_id=account.public_id, member_id=member.pk)
    else:
        leave_account(by=customer(bob), account_id=account.public_id)

    shared(account, bob, "trader")
    assert find_api_key(key.lookup) is None
    assert find_caller_by_token(token) is None
    assert find_api_key(own.lookup) is not None
    record = AuditRecord.objects.get(act=f"member.{'remove' if end == 'removed' else 'leave'}")
    revoked = ApiKey.objects.filter(revoked_at__isnull=False).order_by("pk")
    assert record.details["revoked_keys"] == [one.pk for one in revoked] != []
    assert (record.details["was"], record.details["now"]) == ({"role": "trader"}, {"role": None})
    assert record.subject == f"account:{account.public_id}"


def test_a_key_whose_account_is_no_longer_shared_is_no_key_even_where_it_was_not_revoked(
    account, bob
):
    shared(account, bob, "trader")
    key = signing(bob, account, "read")

    Membership.objects.all().delete()

    assert find_api_key(key.lookup) is None


def test_members_are_shut_out_with_the_accounts_owner(account, bob):
    shared(account, bob, "trader")
    key = signing(bob, account, "read")

    set_user_active(by=SYSTEM, user_id=account.owner_id, is_active=False)

    assert [role for _, role in reach(bob)] == [Role.OWNER]
    assert find_api_key(key.lookup) is None
    assert list_reached_accounts(bob.pk) == [bob.accounts.get()]
    set_user_active(by=SYSTEM, user_id=account.owner_id, is_active=True)
    assert find_api_key(key.lookup) is not None


def test_who_is_asking_takes_no_more_queries_than_without_members(
    account, bob, django_assert_num_queries
):
    shared(account, bob, "trader")
    _, token = create_token(by=customer(bob), user_id=bob.pk, scopes=["read"])
    with django_assert_num_queries(2):
        get_caller_of_user(bob.pk)
    with django_assert_num_queries(2):
        find_caller_by_token(token)
