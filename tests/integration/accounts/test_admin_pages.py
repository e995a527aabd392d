"""What the operators' pages show: figures in their scale, links to what belongs together.

The models are taken from ``admin.site``: a new one that shows raw figures or asks the database
again for each row fails.
"""

import re
from copy import deepcopy
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import DecimalField
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import (
    Account,
    AuditRecord,
    Balance,
    Deposit,
    LedgerEntry,
    LedgerTransaction,
    Transfer,
    User,
    Withdrawal,
)
from accounts.money.selectors import get_balance
from accounts.services import adjust_balance, ensure_user, settle_withdrawal
from marketdata.models import Candle
from matching.models import Command, Market, MarketState, Order, Trade
from tests.actors import SYSTEM
from tests.approving import approve_by_two

pytestmark = pytest.mark.django_db

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
MANY = 6


@pytest.fixture
def desk(lasting_desk, settings):
    settings.ZAVORA_FAUCET = False  # withdrawals wait
    return deepcopy(lasting_desk)


@pytest.fixture
def operator(desk_operator):
    return desk_operator


@pytest.fixture(scope="module")
def every_list(lasting_desk):
    """The text of each model's list, for somebody who may do everything, by the model."""
    browser = Client()
    email = "onlooker@zavora.example"
    browser.force_login(ensure_user(by=SYSTEM, email=email, is_staff=True, is_superuser=True))
    return {model: page_of(browser, model) for model in MODELS}


def url(model, page, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def page_of(client, model, row=None, **query):
    """Return the text of a list, or of a row's page."""
    address = url(model, "changelist") if row is None else url(model, "change", row.pk)
    answer = client.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def plain(page):
    """Return the words of a page's content, without tags."""
    main = page[page.index('<main id="content"') :]
    return " ".join(re.sub(r"<[^>]+>", " ", main.replace("<wbr>", "")).split())


def links_of(page):
    """Return where a page leads, with and without what an address asks for."""
    addresses = set(re.findall(r'href="([^"]+)"', page))
    return addresses | {address.split("?")[0] for address in addresses}


# --- figures and times ---------------------------------------------------------------------------


def test_every_decimal_has_a_unit():
    for model in MODELS:
        decimals = {
            column.name for column in model._meta.get_fields() if isinstance(column, DecimalField)
        }
        assert decimals == set(admin.site._registry[model].units), model


@pytest.mark.parametrize(
    ("model", "in_list", "on_page"),
    [
        (Order, ["62,000.10 USD", "0.10 BTC"], ["6,200.01 USD", "IOC"]),
        (Trade, ["62,000.10 USD", "0.10 BTC", "6,200.01 USD", "6.20 USD", "0.0001 BTC"], []),
        (LedgerEntry, ["9,000.50 USD", "-6,200.01 USD", "0.10 BTC"], []),
        (LedgerTransaction, ["9,000.50 USD"], []),
        (Balance, ["8,990.50 USD", "10.00 USD", "9,000.50 USD", "0.10 BTC"], []),
        (Deposit, ["9,000.50 USD"], ["9,000.50 USD"]),
        (Withdrawal, ["10.00 USD"], ["10.00 USD"]),
        (Transfer, ["2.50 USD"], ["2.50 USD"]),
        (Market, ["0.01 USD", "0.00001 BTC"], []),
        (MarketState, ["62,000.10 USD"], ["62,000.10 USD"]),
        (Candle, ["62,000.10 USD", "0.10 BTC"], ["6,200.01 USD"]),
        (Command, [], ["9,000.50 USD"]),
    ],
)
def test_figures_are_shown_in_their_assets_scale(
    operator, desk, every_list, model, in_list, on_page
):
    shown = plain(every_list[model])
    assert [text for text in in_list if text not in shown] == []
    if model is not Market:  # a form, for those who may change it
        shown = plain(page_of(operator, model, model.objects.order_by("-pk").first()))
        assert [text for text in on_page if text not in shown] == []


def test_no_page_shows_a_raw_figure_or_a_time_without_its_zone(operator, desk, every_list):
    wrong = []
    for model in MODELS:
        row = model.objects.order_by("-pk").first()
        for page in [every_list[model], *([page_of(operator, model, row)] if row else [])]:
            shown = plain(page)
            raw = re.findall(r"\d\.\d*0{8,}\b|\d\.\d{12,}", shown)
            times = re.findall(r"\d\d:\d\d(?::\d\d)?(?! ?UTC|:)\S*.{4}|[ap]\.m\.", shown)
            if raw or [text for text in times if "UTC" not in text]:
                wrong.append((model, raw, times))
    assert wrong == []
    assert "2026-11-25 13:29:05 UTC" in plain(every_list[Order])


def test_lists_go_by_their_names(every_list):
    titles = {
        model._meta.label_lower: re.search("<h1>(.*?)</h1>", page)[1]
        for model, page in every_list.items()
    }
    assert titles["matching.order"] == "Orders"
    assert titles["marketdata.candleprogress"] == "Candle progress"
    assert titles["matching.command"] == "Journal entries"
    assert not any("Select" in title or title.endswith("sss") for title in titles.values())


# --- links ---------------------------------------------------------------------------------------


def test_rows_lead_to_what_they_belong_to(operator, desk):
    order = Order.objects.get(client_order_id="Web-1-aB")
    trade = Trade.objects.get(taker_order=order)
    account, owner = order.account, order.account.owner
    whose = {url(Account, "change", account.pk), url(User, "change", owner.pk)}
    term = {"q": "ann@example.com.au"}

    in_orders = links_of(page_of(operator, Order, **term))
    assert {url(Order, "change", order.pk), url(Market, "change", desk.market.pk)} <= in_orders
    in_trades = links_of(page_of(operator, Trade, **term))
    assert {
        url(Order, "change", trade.maker_order_id),
        url(Order, "change", trade.taker_order_id),
        url(Account, "change", trade.maker_account_id),
        url(LedgerTransaction, "change", trade.pk),
    } <= in_trades
    in_entries = links_of(page_of(operator, LedgerEntry, **term))
    assert url(LedgerTransaction, "change", trade.pk) in in_entries
    deposit = Deposit.objects.get(account=account)
    in_deposits = links_of(page_of(operator, Deposit, **term))
    assert url(LedgerTransaction, "change", deposit.transaction_id) in in_deposits
    withdrawal = Withdrawal.objects.get(account=account)
    approve_by_two(withdrawal)
    settle_withdrawal(by=SYSTEM, withdrawal_id=withdrawal.pk)
    withdrawal.refresh_from_db()
    in_withdrawals = links_of(page_of(operator, Withdrawal, **term))
    assert url(LedgerTransaction, "change", withdrawal.transaction_id) in in_withdrawals
    transfer = Transfer.objects.get(from_account=account)
    in_transfers = links_of(page_of(operator, Transfer, **term))
    assert url(LedgerTransaction, "change", transfer.transaction_id) in in_transfers
    on_movement = links_of(page_of(operator, LedgerTransaction, transfer.transaction))
    assert f"{url(Transfer, 'changelist')}?q={transfer.public_id}" in on_movement
    term_of_movement = {"q": str(transfer.public_id)}
    in_ledger = links_of(page_of(operator, LedgerTransaction, **term_of_movement))
    assert url(LedgerTransaction, "change", transfer.transaction_id) in in_ledger
    in_journal = links_of(page_of(operator, Command, **term))
    assert url(Order, "change", order.pk) in in_journal
    in_balances = links_of(page_of(operator, Balance, **term))
    for found in (
        in_orders,
        in_trades,
        in_entries,
        in_deposits,
        in_withdrawals,
        in_transfers,
        in_journal,
    ):
        assert whose <= found
    assert whose <= in_balances

    on_order = links_of(page_of(operator, Order, order))
    assert whose <= on_order
    assert f"{url(Trade, 'changelist')}?q={order.pk}" in on_order
    assert f"{url(LedgerTransaction, 'changelist')}?q={order.pk}" in on_order
    on_trade = links_of(page_of(operator, Trade, trade))
    assert {url(Order, "change", order.pk), url(LedgerTransaction, "change", trade.pk)} <= on_trade


def test_people_lead_to_everything_that_is_theirs(operator, desk):
    account = Account.objects.get(owner__email="bob@example.com")
    lists = (
        "matching_order", "matching_trade", "matching_command", "accounts_balance",
        "accounts_ledgerentry", "accounts_deposit", "accounts_withdrawal", "accounts_apikey",
        "accounts_auditrecord", "accounts_transfer",
    )  # fmt: skip
    for page in (page_of(operator, Account), page_of(operator, Account, account)):
        for name in lists:
            address = f"{reverse(f'admin:{name}_changelist')}?q={account.public_id}"
            assert address in links_of(page), name
    for page in (page_of(operator, User), page_of(operator, User, account.owner)):
        for name in (*lists, "accounts_account"):
            address = f"{reverse(f'admin:{name}_changelist')}?q=bob%40example.com"
            assert address in links_of(page), name


def test_who_may_not_look_at_something_gets_its_name_and_no_link(client, desk):
    staff = ensure_user(by=SYSTEM, email="viewer@example.com", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_order"))
    client.force_login(staff)
    order = Order.objects.get(client_order_id="Web-1-aB")
    for page in (page_of(client, Order), page_of(client, Order, order)):
        assert "ann@example.com" in plain(page)
        targets = {link.split("?")[0] for link in links_of(page) if "/admin/" in link}
        others = {
            link
            for link in targets
            if re.match(r"/admin/(accounts|marketdata|matching)/(?!order/)\w", link)
        }
        assert others == set()


# --- the cost of a list --------------------------------------------------------------------------


@pytest.mark.usefixtures("every_list")  # which has asked what is asked once a process
def test_a_list_asks_as_often_for_many_rows_as_for_few(operator, desk):
    def queries():
        counts = {}
        for model in MODELS:
            for query in ({}, {"q": "ann@example.com"}):
                with CaptureQueriesContext(connection) as captured:
                    page_of(operator, model, **query)
                counts[model._meta.label, bool(query)] = len(captured)
        return counts

    few = queries()
    first = desk.customers[0]
    for number in range(MANY):
        desk.add(f"many-{number:02}@example.com")
        desk.trade(desk.order(first, "buy", None), desk.order(desk.customers[-1], "sell", None))
    assert min(model.objects.count() for model in (Order, Trade, LedgerTransaction)) >= 2 * MANY
    many = queries()
    assert {name: (few[name], many[name]) for name in few if many[name] > few[name]} == {}
    assert max(many.values()) <= 13


# --- before money moves --------------------------------------------------------------------------


def test_a_correction_asks_first_and_names_whose_money_it_is(operator, desk):
    account = Account.objects.get(owner__email="bob@example.com")
    before = LedgerTransaction.objects.count()
    form = {
        "account": str(account.public_id),
        "asset": "usd",
        "amount": "-1000.5",
        "reason": "typo",
    }
    asked = operator.post(url(LedgerTransaction, "add"), form)
    shown = plain(asked.content.decode())
    for text in (
        "bob@example.com", str(account.public_id), "-1,000.50 USD", "8,990.50 USD", "7,990.00 USD",
        "typo", "Nothing has happened yet",
    ):  # fmt: skip
        assert text in shown
    assert LedgerTransaction.objects.count() == before
    assert get_balance(account.public_id, "USD").available == Decimal("8990.5")

    typed = dict(re.findall(r'name="(\w+)" value="([^"]*)"', asked.content.decode()))
    assert {name: typed[name] for name in form} == form
    answers = {name: typed[name] for name in form}
    again = operator.post(url(LedgerTransaction, "add"), {**answers, "back": "yes"})
    assert 'type="text"' in again.content.decode()
    assert "-1000.5" in again.content.decode()
    assert LedgerTransaction.objects.count() == before

    done = operator.post(url(LedgerTransaction, "add"), {**answers, "confirmed": "yes"})
    assert done.status_code == 302
    assert get_balance(account.public_id, "USD").available == 7990
    assert AuditRecord.objects.filter(act="balance.adjust").count() == 1


def test_a_credit_asks_first_too_and_is_made_once(operator, desk):
    account = Account.objects.get(owner__email="bob@example.com")
    page = operator.get(url(Deposit, "add")).content.decode()
    form = {"account": str(account.public_id), "asset": "BTC", "amount": "1", "reason": "seen"}
    form |= {"external_reference": "wire-x", "key": re.search(r'name="key" value="(.*?)"', page)[1]}
    asked = operator.post(url(Deposit, "add"), form).content.decode()
    for text in ("bob@example.com", "1.00 BTC", "1.10 BTC", "wire-x"):
        assert text in plain(asked)
    assert f'name="key" value="{form["key"]}"' in asked
    assert not Deposit.objects.filter(external_reference="wire-x").exists()
    for _ in range(2):
        assert operator.post(url(Deposit, "add"), form | {"confirmed": "yes"}).status_code == 302
    assert Deposit.objects.filter(external_reference="wire-x").count() == 1


@pytest.mark.parametrize("answered", [{}, {"confirmed": "yes"}])
def test_the_question_refuses_what_the_service_would(operator, desk, answered):
    account = Account.objects.get(owner__email="bob@example.com")
    form = {"account": str(account.public_id), "asset": "USD", "amount": "-9000", "reason": "typo"}
    page = operator.post(url(LedgerTransaction, "add"), form | answered).content.decode()
    assert "not enough USD available" in page
    nobody = form | answered | {"account": "00000000-0000-0000-0000-000000000000"}
    assert (
        "no such account" in operator.post(url(LedgerTransaction, "add"), nobody).content.decode()
    )
    assert not LedgerTransaction.objects.filter(kind="adjustment").exists()


def test_a_question_tells_staff_nothing_of_staffs_accounts(client, desk):
    """Who may correct balances may not see those of staff: refused before anything is named."""
    clerk = ensure_user(by=SYSTEM, email="clerk@example.com", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="add_ledgertransaction"))
    boss = ensure_user(by=SYSTEM, email="boss@example.com", is_staff=True).accounts.get()
    client.force_login(clerk)
    form = {"account": str(boss.public_id), "asset": "USD", "amount": "1", "reason": "typo"}
    page = client.post(url(LedgerTransaction, "add"), form).content.decode()
    assert "only a superuser may correct balances of staff" in page
    assert "boss@example.com" not in page


def test_a_corrections_page_shows_what_it_moved_and_who_did_it(operator, desk):
    account = Account.objects.get(owner__email="bob@example.com")
    form = {"account": str(account.public_id), "asset": "USD", "amount": "-0.5", "reason": "typo"}
    operator.post(url(LedgerTransaction, "add"), form | {"confirmed": "yes"})
    row = LedgerTransaction.objects.get(kind="adjustment")
    page = page_of(operator, LedgerTransaction, row)
    shown = plain(page)
    for text in (
        "bob@example.com", "-0.50 USD", "0.50 USD", "op@zavora.example", "typo",
    ):  # fmt: skip
        assert text in shown
    boss = User.objects.get(email="op@zavora.example")
    entries = LedgerEntry.objects.filter(transaction=row)
    assert entries.count() == 2
    record = AuditRecord.objects.get(act="balance.adjust")
    assert {
        url(Account, "change", account.pk),
        url(User, "change", account.owner_id),
        url(User, "change", boss.pk),
        url(AuditRecord, "change", record.pk),
        *(url(LedgerEntry, "change", entry.pk) for entry in entries),
    } <= links_of(page)
    listed = plain(page_of(operator, LedgerTransaction, q="bob@example.com"))
    assert "-0.50 USD" in listed


def test_a_correction_by_command_names_nobody_of_the_desk(operator, desk):
    account = Account.objects.get(owner__email="bob@example.com")
    row = adjust_balance(
        by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal(1), reason="by hand"
    )
    shown = plain(page_of(operator, LedgerTransaction, row))
    assert SYSTEM.name in shown
    assert "by hand" in shown
