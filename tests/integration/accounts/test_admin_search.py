"""Every list of the operators' pages finds a customer, an order, a request, and by an index.

The lists are taken from ``admin.site``: a new one that cannot be searched fails.
"""

import json
from copy import deepcopy
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.urls import reverse

from accounts.admin import look_ups
from accounts.models import User
from accounts.services import create_account
from matching.fee_models import FeeDay
from matching.models import Command, Order, Trade
from tests.actors import SYSTEM
from tests.desk_rows import owned_by
from zavora.foundation.admin import search
from zavora.foundation.admin.base import BoundedAdmin
from zavora.foundation.admin.search import branches_of, rows_of

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
pytestmark = pytest.mark.django_db

LABELS = [model._meta.label_lower for model in MODELS]
# Tables that grow for ever, or with every customer.
LARGE = (
    "accounts.auditlink",
    "accounts.auditrecord",
    "accounts.deposit",
    "accounts.ledgerentry",
    "accounts.ledgertransaction",
    "accounts.approval",
    "accounts.payout",
    "accounts.providerevent",
    "accounts.transfer",
    "accounts.withdrawal",
    "accounts.withdrawaladdress",
    "marketdata.candle",
    "matching.command",
    "matching.event",
    "matching.feevolume",
    "matching.order",
    "matching.orderconditions",
    "matching.orderkey",
    "matching.preventedmatch",
    "matching.orderlist",
    "matching.protection",
    "matching.trade",
)
CHECKPOINTS = ("checkpoint", "checkpointpart")
NOBODYS = (
    "accounts.asset",
    "accounts.auditlink",
    "accounts.liabilitysnapshot",
    "accounts.liabilitytree",
    "accounts.reportpart",
    "accounts.statusspan",
    "auth.group",
    "marketdata.candle",
    "marketdata.candleprogress",
    "marketdata.alertprogress",
    "matching.checkpoint",
    "matching.checkpointpart",
    "matching.event",
    "matching.feeday",
    "matching.handover",
    "matching.feetier",
    "matching.market",
    "matching.marketstate",
    "matching.shard",
    "matching.trailmark",
    "matching.orderamendment",
)


@pytest.fixture
def desk(lasting_desk, settings):
    settings.ZAVORA_FAUCET = False  # withdrawals wait
    return deepcopy(lasting_desk)


@pytest.fixture
def operator(desk_operator):
    return desk_operator


def model_of(label):
    return next(model for model in MODELS if model._meta.label_lower == label)


def address(model):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def found(operator, model, term, **filters):
    """Return the keys of the rows that a list shows for a term."""
    answer = operator.get(address(model), {"q": term, **filters})
    assert answer.status_code == 200
    return {row.pk for row in answer.context["cl"].result_list}


# --- by whom -------------------------------------------------------------------------------------


def test_every_list_says_what_it_is_searched_by(operator, desk):
    for model in MODELS:
        model_admin = admin.site._registry[model]
        assert isinstance(model_admin, BoundedAdmin), model
        assert model_admin.look_ups, model
        page = operator.get(address(model), {"q": "no-such-thing-anywhere"}).content.decode()
        assert "Nothing found for “no-such-thing-anywhere”" in page, model
        assert page.count(model_admin.searched_by.replace("'", "&#x27;")) == 2, model


def test_an_address_in_any_case_finds_exactly_that_customers_rows(operator, desk):
    ann = User.objects.get(email="ann@example.com")
    wrong = []
    for model in MODELS:
        label = model._meta.label_lower
        rows = owned_by(model, ann)
        assert bool(rows) == (label not in NOBODYS), model
        # There are others', which are not to be found.
        assert label in NOBODYS or model.objects.exclude(pk__in=rows).exists(), model
        if found(operator, model, " ANN@Example.Com ") != rows:
            wrong.append(label)
    assert wrong == []


def test_an_account_id_finds_that_accounts_rows(operator, desk):
    ann = User.objects.get(email="ann@example.com")
    account = str(ann.accounts.get().public_id).upper()
    wrong = []
    for label in (label for label in LABELS if label not in NOBODYS):
        model = model_of(label)
        rows = owned_by(model, ann)
        if label == "accounts.auditrecord":
            about = model.objects.filter(subject__startswith="account:", pk__in=rows)
            rows = set(about.values_list("pk", flat=True))
        if label == "accounts.apikey":
            rows = set()  # of the user, not limited to one account
        if found(operator, model, account) != rows:
            wrong.append(label)
    assert wrong == []


def test_people_are_found_by_how_their_address_begins(operator, desk):
    for label in ("accounts.user", "accounts.account", "accounts.apikey"):
        model = model_of(label)
        rows = {
            pk
            for user in User.objects.filter(email__startswith="ann@")
            for pk in owned_by(model, user)
        }
        assert len(rows) == 2
        for term in ("ann", "ANN@exa"):
            assert found(operator, model, term) == rows, (label, term)


# --- by what -------------------------------------------------------------------------------------


def test_an_order_is_found_by_the_name_that_its_client_gave_it(operator, desk):
    order = Order.objects.get(client_order_id="Web-1-aB")
    for term in ("Web-1-aB", "WEB-1-AB", "web-1-ab"):
        assert found(operator, Order, term) == {order.pk}
    assert found(operator, Order, "Web-1") == set()


def test_one_order_leads_to_its_trades_movements_and_commands(operator, desk):
    order = Order.objects.get(client_order_id="Web-1-aB")
    trade = Trade.objects.get(taker_order=order)
    assert found(operator, Order, str(order.pk)) == {order.pk}
    assert found(operator, Trade, str(order.pk)) == {trade.pk}
    assert found(operator, Trade, str(trade.maker_order_id)) == {trade.pk}
    assert found(operator, Trade, str(trade.pk)) == {trade.pk}
    assert found(operator, Trade, str(trade.sequence)) == {trade.pk}
    assert found(operator, model_of("accounts.ledgertransaction"), str(order.pk)) == {trade.pk}
    command = Command.objects.get(order_id=order.pk)
    assert found(operator, Command, str(order.pk)) == {command.pk}
    assert found(operator, Command, command.request_id) == {command.pk}


@pytest.mark.parametrize("kind", ["deposit", "withdrawal"])
def test_money_is_found_by_what_it_is_called_outside(operator, desk, kind):
    model = model_of(f"accounts.{kind}")
    row = model.objects.order_by("pk")[1]
    model.objects.filter(pk=row.pk).update(external_reference=f"outside-{kind}")
    term = f"outside-{kind}"
    assert found(operator, model, term) == {row.pk}
    transactions = {row.transaction_id} - {None}
    assert found(operator, model_of("accounts.ledgertransaction"), term) == transactions
    if row.transaction_id:
        assert found(operator, model, str(row.transaction_id)) == {row.pk}


def test_what_is_of_a_market_is_found_by_it(operator, desk):
    of_none = ("shard", "orderkey", "switch", "feeday", "feetier", *CHECKPOINTS)
    for label in (label for label in LABELS if label.startswith(("market", "matching"))):
        if label.removeprefix("matching.") not in of_none:
            rows = set(model_of(label).objects.values_list("pk", flat=True))
            for term in ("BTC/USD", "btc/usd"):
                assert found(operator, model_of(label), term) == rows, (label, term)
    for model in (Order, Trade, Command):
        rows = set(model.objects.values_list("pk", flat=True))
        for term in ("btc-usd", "BTCUSD"):
            assert found(operator, model, term) == rows, (model, term)


def test_a_review_of_fees_is_found_by_its_day(operator, desk):
    day = FeeDay.objects.get()
    assert found(operator, FeeDay, f"{day.day}") == {day.pk}
    for term in ("2026-01-01", "2026-13-01", "2026-11", "x"):
        assert found(operator, FeeDay, term) == set()


def test_filters_hold_for_what_is_found(operator, desk):
    ann = User.objects.get(email="ann@example.com")
    sold = set(Order.objects.filter(account__owner=ann, side="sell").values_list("pk", flat=True))
    assert found(operator, Order, "ann@example.com", side__exact="sell") == sold
    assert sold < owned_by(Order, ann)


# --- how -----------------------------------------------------------------------------------------


def test_only_so_many_of_the_newest_are_shown_and_the_page_says_so(operator, desk, monkeypatch):
    monkeypatch.setattr(search, "ROWS_MAX", 2)
    ann = User.objects.get(email="ann@example.com")
    newest = sorted(owned_by(Order, ann), reverse=True)
    assert len(newest) == 3
    answer = operator.get(address(Order), {"q": "ann@example.com"})
    assert [row.pk for row in answer.context["cl"].result_list] == newest[:2]
    assert "Only the newest 2 rows are shown" in answer.content.decode()


def test_a_search_goes_through_all_accounts_of_a_person_up_to_a_bound(
    operator, desk, monkeypatch, django_assert_max_num_queries
):
    ann = User.objects.get(email="ann@example.com")
    for label in ("Second", "Third"):
        account = create_account(by=SYSTEM, owner_id=ann.pk, label=label)
        desk.trade(desk.order(account, "buy", None), desk.order(desk.customers[-1], "sell", None))
    transactions = model_of("accounts.ledgertransaction")
    for model in (Order, Trade, transactions):
        rows = owned_by(model, ann)
        with django_assert_max_num_queries(13):
            assert found(operator, model, "ann@example.com") == rows, model
    monkeypatch.setattr(look_ups, "ACCOUNTS_MAX", 2)
    page = operator.get(address(Order), {"q": "ann@example.com"})
    assert "More than 2 accounts are of ann@example.com" in page.content.decode()
    assert {row.pk for row in page.context["cl"].result_list} == owned_by(Order, ann) - set(
        Order.objects.filter(account__label="Third").values_list("pk", flat=True)
    )
    monkeypatch.setattr(look_ups, "ENTRIES_MAX", 2)
    page = operator.get(address(transactions), {"q": "ann@example.com"})
    assert "Only the newest 2 ledger entries are searched." in page.content.decode()


def test_what_no_index_knows_is_looked_for_among_the_newest(operator, desk, monkeypatch):
    monkeypatch.setattr(search, "RECENT_MAX", 2)
    newest = Order.objects.order_by("-pk").values_list("pk", flat=True)[:2]
    assert found(operator, Order, "BTC/USD") == set(newest)


def test_a_list_is_not_sorted_by_what_has_no_index(operator, desk):
    by_key = sorted(Order.objects.values_list("pk", flat=True), reverse=True)
    for column in range(1, len(admin.site._registry[Order].list_display)):
        answer = operator.get(address(Order), {"o": str(column)})
        assert [row.pk for row in answer.context["cl"].result_list] == by_key
    ascending = operator.get(address(Order), {"o": "0"}).context["cl"].result_list
    assert [row.pk for row in ascending] == by_key[::-1]


FILL = """
INSERT INTO matching_order (id, account_id, market_id, client_order_id, side, order_type,
    time_in_force, post_only, price, quantity, remaining_quantity, filled_quantity, filled_quote,
    hold, maker_fee_ppm, taker_fee_ppm, priority, status, reason, created_at, updated_at)
SELECT 1000 + n, 1000 + n % 500, 1000 + n % 7, 'name-' || n, 'buy', 'limit', 'gtc', false, 1, 1, 0,
    1, 1, 0, 0, 0, n, 'filled', '', now(), now() FROM generate_series(1, 4000) n;
INSERT INTO matching_trade (id, market_id, sequence, run_sequence, price, quantity, amount,
    taker_side, maker_order_id, taker_order_id, maker_account_id, taker_account_id, maker_fee,
    taker_fee, created_at)
SELECT 1000 + n, 1000 + n % 7, n, n, 1, 1, 1, 'buy', n, n, 1000 + n % 500, 1000 + n % 501, 0, 0,
    now() FROM generate_series(1, 4000) n;
INSERT INTO matching_command (id, shard_id, sequence, stream_id, kind, account_id, market_id, body,
    request_id, batch_at, order_id, reached_engine, outcome, reason)
SELECT 1000 + n, 0, n, '1-1', 'place', 1000 + n % 500, 1000 + n % 7,
    decode(repeat('00', 300), 'hex'), 'fill-' || n, now(), 1000 + n, true, 'applied', ''
    FROM generate_series(1, 20000) n;
INSERT INTO matching_event (market_id, prev_sequence, sequence, payload, batch_at)
SELECT 1000 + n % 7, n - 1, n, '', now() FROM generate_series(1, 4000) n;
INSERT INTO matching_orderkey (account_id, key, fingerprint, result, created_at)
SELECT 1000 + n % 500, 'fill-' || n, '', '', now() FROM generate_series(1, 4000) n;
INSERT INTO accounts_ledgertransaction (id, kind, reference, created_at)
SELECT 1000 + n, 'trade', n, now() FROM generate_series(1, 4000) n;
INSERT INTO accounts_ledgerentry (id, transaction_id, account_id, asset_id, kind, amount,
    created_at)
SELECT 10000 + n, 1000 + n / 2, 1000 + n % 500, 1000, 'trade', 1 - 2 * (n % 2), now()
    FROM generate_series(2, 8001) n;
INSERT INTO accounts_auditrecord (id, actor_kind, actor_name, user_id, address, request_id, act,
    subject, reason, details, created_at)
SELECT 1000 + n, 'operator', 'x', 1000 + n % 500, '', 'fill-' || n, 'x', 'user:' || n, '', '{}',
    now() FROM generate_series(1, 4000) n;
INSERT INTO accounts_deposit (account_id, asset_id, amount, state, source, created_at,
    updated_at)
SELECT max(account_id), (SELECT id FROM accounts_asset WHERE code = 'BTC'), 1, 'credited', 'fill',
    now(), now() FROM accounts_deposit, generate_series(1, 3000) n GROUP BY n;
INSERT INTO accounts_withdrawal (account_id, asset_id, amount, state, address, created_at,
    updated_at)
SELECT max(account_id), (SELECT id FROM accounts_asset WHERE code = 'BTC'), 1, 'settled', 'fill',
    now(), now() FROM accounts_deposit, generate_series(1, 3000) n GROUP BY n;
"""
INDEXED = frozenset({"Index Scan", "Index Only Scan", "Bitmap Heap Scan"})


def has_rows(table: str) -> bool:
    """Tell whether a table has any: one without may be read as PostgreSQL likes."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT EXISTS (SELECT FROM "{table}")')
        return cursor.fetchone() == (True,)


def scans_of(plan, table) -> list[dict[str, Any]]:
    """Return the nodes of a plan that read a table, or a partition of it that has rows."""
    name = plan.get("Relation Name")
    here = [plan] if f"{name}_".startswith(f"{table}_") and has_rows(name) else []
    return here + [node for child in plan.get("Plans", ()) for node in scans_of(child, table)]


@pytest.fixture
def filled(desk):
    with connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute("SELECT brin_summarize_new_values('command_asked_first')")
        cursor.execute("ANALYZE")
        cursor.execute("SET LOCAL enable_seqscan = off")
    return desk


def test_every_search_of_a_large_table_goes_by_an_index(filled, monkeypatch):
    """Also what has no index of its own: it is asked of the newest rows, a range of keys."""
    monkeypatch.setattr(search, "RECENT_MAX", 1)
    order = Order.objects.get(client_order_id="Web-1-aB")
    terms = (
        "ann@example.com", str(order.account.public_id), "web-1-ab", str(order.pk), "BTC/USD", "3",
        "USD", "wire-1", f"request-{order.pk}",
    )  # fmt: skip
    wrong = []
    for label in LARGE:
        model = model_of(label)
        for term in terms:
            branches = branches_of(admin.site._registry[model].all_look_ups, term)
            for query in rows_of(model.objects.all(), branches):
                plan = query.explain(format="json")
                nodes = scans_of(json.loads(plan)[0]["Plan"], model._meta.db_table)
                if any(
                    node["Node Type"] not in INDEXED
                    or not {"Index Cond", "Recheck Cond"} & node.keys()
                    for node in nodes
                ):
                    wrong.append((label, term, [node.get("Filter") for node in nodes]))
    assert wrong == []


def test_the_journal_is_asked_by_account_and_request(filled):
    """Those are the look-ups that need indexes of their own: the right ones are used."""
    order = Order.objects.get(client_order_id="Web-1-aB")
    for term, index in (
        ("ann@example.com", "command_account"),
        (f"request-{order.pk}", "command_asked"),
        (str(order.pk), "command_asked"),
    ):
        branches = branches_of(admin.site._registry[Command].all_look_ups, term)
        plans = [query.explain() for query in rows_of(Command.objects.all(), branches)]
        assert any(index in plan for plan in plans), plans
    named = rows_of(
        Order.objects.all(), branches_of(admin.site._registry[Order].look_ups, "NAME-7")
    )
    assert any("order_client_name" in query.explain() for query in named)
