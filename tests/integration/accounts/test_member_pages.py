"""Members on the account page and the invitation's page, as a browser without scripts uses them."""

import re

import pytest

from accounts.models import AuditRecord, Invitation, Membership
from accounts.services import ensure_user
from tests.actors import SYSTEM
from tests.factors import confirm
from tests.mails import mails_to, path_in
from tests.members import invited, shared

pytestmark = pytest.mark.django_db

BOB = "bob@example.com"


@pytest.fixture
def ann(client, user):
    client.force_login(user)
    confirm(client, user)
    return user


@pytest.fixture
def bob(db):
    return ensure_user(by=SYSTEM, email=BOB)


def of_members(account, rest=""):
    return f"/account/accounts/{account.public_id}/members{rest}"


def fault_of(page, account, field):
    """Return what the page says beside a field of an account's form."""
    found = re.search(
        rf'id="invite_{account.public_id}_{field}_error">([^<]*)<', page.content.decode()
    )
    return found and found[1]


@pytest.mark.parametrize("is_known", [True, False])
def test_an_invitation_is_mailed_and_said_alike_whoever_has_the_address(
    client, ann, account, is_known
):
    if is_known:
        ensure_user(by=SYSTEM, email=BOB)
    answer = client.post(of_members(account), {"email": "Bob@example.com", "role": "viewer"})
    assert answer.status_code == 302
    page = client.get(answer["Location"]).content.decode()
    assert f"The invitation is on its way to {BOB}. It can be accepted for 7 days." in page
    assert re.search(rf'<details class="more" id="members-{account.public_id}" open>', page)
    (mail,) = mails_to(BOB)
    body = str(mail.body)
    assert all(one in body for one in ("ann@example.com invites you", "as a viewer"))
    assert Invitation.objects.get().token_digest not in body
    assert path_in(mail) not in page


def test_inviting_and_changing_a_role_ask_who_sits_there_and_removing_does_not(
    client, user, account, bob
):
    client.force_login(user)
    confirm(client, user, at=0)
    member = shared(account, bob, "viewer")
    for path, body in (
        (of_members(account), {"email": "cat@example.com", "role": "viewer"}),
        (of_members(account, f"/{member.pk}/role"), {"role": "trader"}),
    ):
        answer = client.post(path, body)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/account/confirm?")
    assert [one.role for one in Membership.objects.all()] == ["viewer"]
    assert not Invitation.objects.filter(email="cat@example.com").exists()

    client.post(of_members(account, f"/{member.pk}/remove"))
    assert not Membership.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "", "role": "viewer"}, "email"),
        ({"email": "nonsense", "role": "viewer"}, "email"),
        ({"email": "ann@example.com", "role": "viewer"}, "email"),
        ({"email": BOB, "role": "owner"}, "role"),
        ({"email": BOB}, "role"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_the_form_stays_unfolded(
    client, ann, account, body, field
):
    answer = client.post(of_members(account), body)

    assert answer.status_code == 400
    assert fault_of(answer, account, field)
    assert f'id="members-{account.public_id}" open>' in answer.content.decode()
    assert not Invitation.objects.exists()


def test_a_role_that_is_none_is_refused_with_what_was_expected(client, ann, account, bob):
    member = shared(account, bob, "viewer")
    page = client.post(of_members(account, f"/{member.pk}/role"), {"role": "owner"}, follow=True)
    assert "Role: expected one of viewer, trader." in page.content.decode()


def test_the_invited_sees_who_offers_what_and_answers(client, account, bob):
    client.force_login(bob)
    for answer, told in (("decline", "declined the invitation"), ("accept", "You are a trader")):
        path = f"/account/invitations/{invited(account, BOB)}"
        page = client.get(path).content.decode()
        assert all(one in page for one in ("ann@example.com", "Trader", account.label))
        assert told in client.post(path, {"answer": answer}, follow=True).content.decode()
        assert client.get(path).status_code == 404
        again = client.post(path, {"answer": "accept"})
        assert (again.status_code, "not yours" in again.content.decode()) == (400, True)
    page = client.get("/account").content.decode()
    assert "ann@example.com shares this account with you: you are a trader." in page
    assert "Members of Main" not in page.partition("shares this account")[2]


def test_nobody_else_learns_anything_of_an_invitation(client, account, bob):
    path = f"/account/invitations/{invited(account, BOB)}"
    assert client.get(path)["Location"].startswith("/login?next=")
    client.force_login(ensure_user(by=SYSTEM, email="cat@example.com"))
    there, not_there = (client.get(one) for one in (path, "/account/invitations/" + "x" * 43))
    assert there.status_code == not_there.status_code == 404
    strip = re.compile(r'name="csrfmiddlewaretoken" value="\w+"|nonce="[^"]*"')
    assert strip.sub("", there.content.decode()) == strip.sub("", not_there.content.decode())


def test_a_member_leaves_and_reports_of_a_shared_account_are_offered_until_then(
    client, account, bob
):
    shared(account, bob, "viewer")
    client.force_login(bob)
    assert "of ann@example.com" in client.get("/account/statements").content.decode()
    assert client.get(f"/account/{account.public_id}/fees").status_code == 200
    form = {"account": str(account.public_id), "kind": "statement", "format": "csv"}
    days = {"first": "2025-01-01", "last": "2025-01-31"}
    assert client.post("/account/statements", form | days).status_code == 302
    record = AuditRecord.objects.get(act="report.request")
    assert (record.user_id, record.subject) == (bob.pk, f"account:{account.public_id}")

    client.post(f"/account/accounts/{account.public_id}/leave")

    assert "of ann@example.com" not in client.get("/account/statements").content.decode()
    assert client.get(f"/account/{account.public_id}/fees").status_code == 404
