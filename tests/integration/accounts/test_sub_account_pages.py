"""Accounts and transfers on the pages, as a browser without scripts uses them."""

import re
from decimal import Decimal

import pytest

from accounts.models import Account, LedgerTransaction, Transfer
from accounts.money.selectors import get_balance
from accounts.pages.account import ACCOUNTS_PAGE
from accounts.services import create_account, ensure_user, transfer
from tests.actors import SYSTEM, customer
from zavora.pages.wallet import MOVEMENTS_SHOWN

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(client, user):
    client.force_login(user)
    return user


@pytest.fixture
def second(user):
    return create_account(by=customer(user), owner_id=user.pk, label="Savings")


def form(payer, receiver, **changes):
    about = {"from_account": str(payer.public_id), "to_account": str(receiver.public_id)}
    return {**about, "asset": "USD", "amount": "30", "key": "k", **changes}


def fault_of(page, field):
    """Return what the page says beside a field."""
    found = re.search(rf'id="{field}_error">([^<]*)<', page.content.decode())
    return found and found[1]


def test_an_account_is_opened_and_gets_another_name(client, ann):
    answer = client.post("/account/accounts", {"label": "Savings"})
    assert (answer.status_code, answer["Location"]) == (302, "/account")
    made = Account.objects.get(owner=ann, label="Savings")
    page = client.get("/account").content.decode()
    assert "The account Savings is open." in page
    assert "Transfer between your accounts" in client.get("/wallet").content.decode()

    answer = client.post(
        f"/account/accounts/{made.public_id}/name", {"label": "Rent & <b>more</b>"}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/account")
    page = client.get("/account").content.decode()
    assert "Rent &amp; &lt;b&gt;more&lt;/b&gt;</h2>" in page
    assert "<b>more" not in page


@pytest.mark.parametrize("label", ["", "  ", "x" * 65, "backwards\u202e"])
def test_a_bad_name_is_told_at_its_field_and_the_form_stays_open(client, ann, second, label):
    answer = client.post(f"/account/accounts/{second.public_id}/name", {"label": label})
    assert answer.status_code == 400
    assert fault_of(answer, f"label_{second.public_id}_label")
    assert answer.content.decode().count('<details class="more" open>') == 1
    answer = client.post("/account/accounts", {"label": label})
    assert answer.status_code == 400
    assert fault_of(answer, "label_new_label")
    assert list(Account.objects.filter(owner=ann).values_list("label", flat=True)) == [
        "Main", "Savings",
    ]  # fmt: skip


def test_accounts_of_others_are_not_renamed(client, ann):
    bobs = ensure_user(by=SYSTEM, email="bob@example.com").accounts.get()
    client.post(f"/account/accounts/{bobs.public_id}/name", {"label": "Mine"})
    assert "No such account." in client.get("/account").content.decode()
    assert Account.objects.get(pk=bobs.pk).label == "Main"


def test_a_transfer_moves_money_once_per_form_and_is_listed(client, ann, funded, second):
    for _ in range(2):
        answer = client.post("/account/transfers", form(funded, second))
        assert (answer.status_code, answer["Location"]) == (302, "/wallet")
    assert Transfer.objects.count() == 1
    assert get_balance(second.public_id, "USD").available == 30
    page = client.get("/wallet").content.decode()
    assert "30 USD transferred." in page
    assert re.search(r"30\.00 USD</td>\s*<td[^>]*>Main</td>\s*<td[^>]*>to Savings</td>", page)


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"amount": "1,5"}, "amount", "Write a point before decimals"),
        ({"amount": "0"}, "amount", "Expected a decimal greater than zero."),
        ({"amount": "100.01"}, "amount", "Not enough USD available."),
        ({"amount": "0.000000001"}, "amount", ""),
        ({"asset": "JPY"}, "asset", "Select a valid choice"),
        ({"to_account": "x"}, "to_account", "Select a valid choice"),
        ({"to_account": None}, "to_account", "Expected another account"),
    ],
)
def test_what_is_wrong_stands_at_its_field(client, ann, funded, second, changes, field, told):
    if changes.get("to_account", "") is None:
        changes = {"to_account": str(funded.public_id)}
    answer = client.post("/account/transfers", form(funded, second, **changes))
    assert answer.status_code == 400
    fault = fault_of(answer, f"transferform_{field}")
    assert fault
    assert told in fault
    assert Transfer.objects.count() == 0


def test_whoever_has_one_account_sees_no_form_to_transfer(client, ann):
    assert "Transfer between your accounts" not in client.get("/wallet").content.decode()
    assert "Open another account" in client.get("/account").content.decode()


def test_accounts_are_shown_page_by_page(client, ann):
    made = Account.objects.bulk_create(
        Account(owner=ann, label=f"No {number}") for number in range(ACCOUNTS_PAGE)
    )
    page = client.get("/account").content.decode()
    assert page.count('<section class="card" aria-labelledby="account-') == ACCOUNTS_PAGE
    assert f"account-{made[-1].public_id}" not in page
    (address,) = re.findall(r'href="(/account\?page=\d+)"', page)
    for shown in (address, "/account?page=9999"):
        page = client.get(shown).content.decode()
        assert page.count('<section class="card" aria-labelledby="account-') == 1
        assert f"account-{made[-1].public_id}" in page
        assert "More accounts" not in page
    answer = client.post(f"/account/accounts/{made[-1].public_id}/name", {"label": ""})
    assert fault_of(answer, f"label_{made[-1].public_id}_label")  # on the page that shows it


def test_accounts_of_one_name_are_told_apart(client, ann, second):
    other = create_account(by=SYSTEM, owner_id=ann.pk, label="Savings")
    page = client.get("/wallet").content.decode()
    for account in (second, other):
        assert f">Savings ({str(account.public_id)[:8]})</option>" in page


def amounts_of(page):
    """Return the amounts of a list in cents."""
    return [int(text) for text in re.findall(r">0\.(\d\d) USD<", page)]


def test_older_transfers_are_on_pages_of_the_wallet(client, ann, funded, second, usd):
    cents = range(1, MOVEMENTS_SHOWN + 4)
    # Rows alone: the page reads no more of them.
    LedgerTransaction.objects.bulk_create(
        LedgerTransaction(pk=number, kind="transfer", reference=str(number)) for number in cents
    )
    Transfer.objects.bulk_create(
        Transfer(
            pk=number, owner=ann, from_account=funded, to_account=second, asset=usd,
            transaction_id=number, amount=Decimal(number).scaleb(-2),
        )
        for number in cents
    )  # fmt: skip
    # Where the list of transfers was.
    page = client.get("/account/transfers", follow=True).content.decode()
    assert amounts_of(page) == [*reversed(cents)][:MOVEMENTS_SHOWN]
    (older,) = re.findall(r'href="(\?kind=transfer&amp;before=\d+)#movements"', page)
    page = client.get(f"/wallet{older.replace('&amp;', '&')}").content.decode()
    assert amounts_of(page) == [3, 2, 1]
    assert ">Older<" not in page
    assert client.get("/wallet?before=x").status_code == 404


def test_transfers_of_others_are_not_listed(client, ann, funded, second):
    transfer(
        by=SYSTEM,
        from_account=funded.public_id,
        to_account=second.public_id,
        asset="USD",
        amount=Decimal(1),
    )
    client.force_login(ensure_user(by=SYSTEM, email="bob@example.com"))
    page = client.get("/account/transfers", follow=True).content.decode()
    assert '<p class="empty">None.</p>' in page
