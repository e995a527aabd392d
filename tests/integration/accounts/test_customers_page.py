"""The desk: finding a customer by anything, the customer's page, and notes."""

import re
from copy import deepcopy
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.access.actor import Permission
from accounts.models import (
    AuditRecord,
    Deposit,
    Note,
    Withdrawal,
)
from accounts.services import add_note, ensure_user
from matching.models import Order
from tests.actors import SYSTEM, operator
from tests.desk_pages import content, words
from zavora.foundation.errors import Forbidden, ValidationFailed

pytestmark = pytest.mark.django_db

MANY = 12


@pytest.fixture
def desk(lasting_desk, settings):
    settings.ZAVORA_FAUCET = False  # withdrawals wait
    return deepcopy(lasting_desk)


def customer_page(account):
    return reverse("admin:customer", args=(account.owner_id,))


# --- finding -------------------------------------------------------------------------------------


def terms_of(account):
    order = Order.objects.filter(account=account, client_order_id__isnull=False).get()
    paid = Deposit.objects.get(account=account)
    return {
        "e-mail": account.owner.email.upper(),
        "user id": account.owner_id,
        "account id": account.public_id,
        "order id": order.pk,
        "client order id": order.client_order_id,
        "withdrawal id": Withdrawal.objects.get(account=account).pk,
        "address": Withdrawal.objects.get(account=account).address,
        "external reference": paid.external_reference,
        "transaction": paid.transaction_id,
        "key's label": account.owner.api_keys.get().label,
    }


def test_a_customer_is_found_by_anything(desk_operator, desk):
    account = desk.customers[1]  # whose address begins like another one's
    for what, term in terms_of(account).items():
        answer = desk_operator.get(reverse("admin:find"), {"q": f" {term} "}, follow=True)
        page = content(answer)
        assert customer_page(account) in page + answer.request["PATH_INFO"], (what, term)
    order = Order.objects.filter(account=account, client_order_id__isnull=False).get()
    page = content(desk_operator.get(reverse("admin:find"), {"q": order.client_order_id}))
    assert f'<a href="{reverse("admin:matching_order_change", args=(order.pk,))}">' in page
    assert "Nothing found" in words(
        desk_operator.get(reverse("admin:find"), {"q": "nobody@example.com"})
    )


def test_finding_shows_nothing_that_may_not_be_looked_at(staff, desk):
    ann = desk.customers[0]
    term = {"q": str(ann.public_id)}
    assert ann.owner.email not in words(staff().get(reverse("admin:find"), term))
    clerk = staff("matching.view_order")
    page = content(clerk.get(reverse("admin:find"), term))
    assert "Orders" in page
    assert customer_page(ann) not in page
    assert "Accounts" not in words(clerk.get(reverse("admin:find"), term))


def queries_of(client, *page):
    client.get(*page)  # what is read once
    with CaptureQueriesContext(connection) as seen:
        content(client.get(*page))
    return len(seen)


def test_finding_asks_no_more_of_more_rows(desk_operator, desk):
    page = (reverse("admin:find"), {"q": str(desk.customers[0].public_id)})
    few = queries_of(desk_operator, *page)
    for number in range(MANY):
        desk.order(desk.customers[0], "buy", f"more-{number}")
    assert queries_of(desk_operator, *page) == few


# --- a customer ----------------------------------------------------------------------------------


def test_a_customers_page_shows_what_is_theirs_and_nothing_of_others(desk_operator, desk):
    ann, _, bob = desk.customers
    add_note_by_boss(ann, "Called about a lost key.")
    page = words(desk_operator.get(customer_page(bob)))
    assert "Called about a lost key." not in page
    page = words(desk_operator.get(customer_page(ann)))
    for text in ("Called about a lost key.", "wire-0", "iban-0", "bot-0", "deposit.credit"):
        assert text in page, text
    for text in ("wire-2", "iban-2", "bot-2"):
        assert text not in page, text


def test_a_customers_page_tells_how_they_got_in(desk_operator, desk):
    ann, _, bob = desk.customers
    UserSession.objects.filter(user=ann.owner).update(user_agent="Lynx 2.9")
    assert "Lynx 2.9" in words(desk_operator.get(customer_page(ann)))
    assert "Lynx 2.9" not in words(desk_operator.get(customer_page(bob)))


def test_only_open_orders_are_listed_as_open(desk_operator, desk):
    ann = desk.customers[0]
    assert "Web-0-aB" not in words(desk_operator.get(customer_page(ann)))
    Order.objects.filter(account=ann).update(status="new")
    assert "Web-0-aB" in words(desk_operator.get(customer_page(ann)))


def test_a_customers_page_shows_the_parts_that_may_be_looked_at(staff, desk):
    ann = desk.customers[0]
    page = words(staff("accounts.view_user", "accounts.view_balance").get(customer_page(ann)))
    assert "Balances" in page
    assert not any(part in page for part in ("Ledger", "Keys", "Records", "Shut out", "Adjust"))
    assert staff("accounts.view_balance").get(customer_page(ann)).status_code == 403
    unknown = staff("accounts.view_user").get(reverse("admin:customer", args=(10**9,)))
    assert unknown.status_code == 404


def test_each_part_is_cut_and_leads_to_the_whole(desk_operator, desk):
    ann = desk.customers[0]
    Order.objects.filter(account=ann).update(status="new")
    few = queries_of(desk_operator, customer_page(ann))
    for number in range(MANY):
        desk.order(ann, "buy", f"more-{number}")
    Order.objects.filter(account=ann).update(status="new")
    assert queries_of(desk_operator, customer_page(ann)) == few
    page = content(desk_operator.get(customer_page(ann)))
    shown = re.search(r'<section[^>]*"matching-order".*?</section>', page, re.S)[0]
    assert shown.count("<tr>") == 1 + 8
    assert f"/admin/matching/order/?q={ann.owner.email.replace('@', '%40')}" in shown


def shut_out(client, **more):
    return client.post(reverse("admin:accounts_user_changelist"), {"action": "shut_out", **more})


def test_an_action_asks_why_and_comes_back_to_the_customer(desk_operator, desk):
    person, page = desk.customers[0].owner, customer_page(desk.customers[0])
    form = {"_selected_action": person.pk, "back_to": page}
    asked = content(shut_out(desk_operator, **form))
    assert f'name="back_to" value="{page}"' in asked
    person.refresh_from_db()
    assert person.is_active

    answered = shut_out(desk_operator, **form, answered="yes", reason="stolen key")
    assert (answered.status_code, answered["Location"]) == (302, page)
    person.refresh_from_db()
    assert not person.is_active
    assert AuditRecord.objects.get(act="user.shut_out").reason == "stolen key"


@pytest.mark.parametrize("page", ["https://evil.example/admin/", "//evil.example/admin/", "/login"])
def test_an_action_leads_nowhere_else(desk_operator, desk, page):
    form = {"_selected_action": desk.customers[0].owner_id, "back_to": page}
    answered = shut_out(desk_operator, **form, answered="yes", reason="stolen key")
    assert answered["Location"] == reverse("admin:accounts_user_changelist")


def test_a_form_about_an_account_has_its_id_and_nothing_else_filled_in(desk_operator, desk):
    ann = desk.customers[0]
    page = content(desk_operator.get(customer_page(ann)))
    address = reverse("admin:accounts_ledgertransaction_add") + f"?account={ann.public_id}"
    assert address in page
    form = content(desk_operator.get(f"{address}&amount=5&reason=mine"))
    assert f'value="{ann.public_id}"' in form
    assert not re.search(r'name="(amount|reason)"[^>]* value=', form)


# --- notes ---------------------------------------------------------------------------------------


def add_note_by_boss(account, text):
    author = ensure_user(by=SYSTEM, email="op@zavora.example")
    by = operator(Permission.ADD_NOTE, user_id=author.pk, reason=text)
    return add_note(by=by, user_id=account.owner_id, text=text)


def test_a_note_has_author_and_time_and_is_on_record(desk):
    note = add_note_by_boss(desk.customers[0], "  Called about a lost key.  ")
    note.refresh_from_db()
    assert (note.text, note.author.email) == ("Called about a lost key.", "op@zavora.example")
    assert abs(note.created_at - timezone.now()) < timedelta(minutes=1)
    record = AuditRecord.objects.get(act="note.add")
    assert (record.subject, record.details) == (f"user:{note.user_id}", {"note": note.pk})


def test_notes_about_staff_take_a_superuser_and_empty_ones_are_refused(desk):
    known = Note.objects.count()
    boss = ensure_user(by=SYSTEM, email="boss@example.com", is_staff=True)
    by = operator(*Permission, user_id=boss.pk)
    with pytest.raises(Forbidden, match="only a superuser"):
        add_note(by=by, user_id=boss.pk, text="what a boss")
    for text in ("", "  ", "x" * 1_001):
        with pytest.raises(ValidationFailed):
            add_note(by=by, user_id=desk.customers[0].owner_id, text=text)
    assert (Note.objects.count(), AuditRecord.objects.filter(act="note.add").count()) == (known, 0)


@pytest.mark.parametrize(
    "change", ["UPDATE accounts_note SET text = 'x'", "DELETE FROM accounts_note"]
)
def test_notes_are_never_changed(desk, change):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(change)
