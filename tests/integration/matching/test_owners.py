"""Accounts of one owner, through the worker and back: trades, journal, rebuilding."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db import transaction

from tests.actors import SYSTEM
from tests.integration.matching.conftest import Bench

pytestmark = pytest.mark.django_db(transaction=True)

SIBLING = 2
# What the former version knew of a market.
FORMER_CONFIGURE_FIELDS = 16  # the tag and 15 fields
FORMER_CANCEL_FIELDS = 7


def _with_sibling(bench: Bench) -> None:
    """Give the first account's owner another one, with the same funds."""
    from accounts.services import create_account, deposit

    sibling = create_account(by=SYSTEM, owner_id=bench.accounts[0].owner_id, label="sibling")
    for asset, amount in (("USD", 100_000), ("BTC", 10)):
        deposit(
            by=SYSTEM,
            account_id=sibling.public_id,
            asset=asset,
            amount=Decimal(amount),
            source="bank",
        )
    bench.accounts.append(sibling)


def _verified() -> Any:
    from matching.worker.connection import connect
    from matching.worker.replay import verify_shard

    with transaction.atomic(), connect(shard_id=0, owner="test") as session:
        return verify_shard(session, 0)


def test_two_accounts_of_one_owner_do_not_trade_with_each_other(bench: Bench) -> None:
    from matching.models import Command, Order, Trade

    _with_sibling(bench)
    market = bench.market()
    bench.apply(bench.order(SIBLING, market, "sell 1 @ 100"))

    (met,) = bench.apply(bench.order(0, market, "buy 1 @ 100"))
    (other,) = bench.apply(bench.order(1, market, "buy 1 @ 100"))

    assert (met.orders[0].status, met.orders[0].reason) == ("cancelled", "self_trade")
    assert met.trades == []
    assert other.orders[0].status == "filled"
    assert Trade.objects.count() == 1
    owner_id = bench.accounts[0].owner_id
    assert set(Order.objects.values_list("account_id", "owner_id")) == {
        (account.pk, account.owner_id) for account in bench.accounts
    }
    journaled = Command.objects.filter(kind="place", account=bench.accounts[SIBLING])
    assert [command.owner_id for command in journaled] == [owner_id]
    assert _verified().differences == []


def test_a_market_may_let_accounts_of_one_owner_trade(bench: Bench) -> None:
    _with_sibling(bench)
    market = bench.market(self_trade_scope="account")
    bench.apply(bench.order(SIBLING, market, "sell 1 @ 100"))

    (met,) = bench.apply(bench.order(0, market, "buy 1 @ 100"))

    assert met.orders[0].status == "filled"


def test_a_rebuilt_engine_knows_the_owners_of_open_orders(bench: Bench) -> None:
    from matching.worker.connection import connect
    from matching.worker.rebuild import load_shard

    _with_sibling(bench)
    market = bench.market(max_open_orders=7)
    bench.apply(bench.order(SIBLING, market, "sell 1 @ 100"))

    with transaction.atomic(), connect(shard_id=0, owner="test") as session:
        engine = load_shard(session, 0)[0].engine

    (order,) = engine.market(market).open_orders()
    assert order.owner_id == bench.accounts[0].owner_id
    assert engine.market(market).rules.max_open_orders == 7
    assert engine.state_hash() == bench.state_hash()


def test_a_journal_of_the_former_version_replays_to_the_same_and_goes_on(bench: Bench) -> None:
    """The tables are brought to what the former version and the migration leave behind."""
    _with_sibling(bench)
    market = bench.market(self_trade_scope="account", max_open_orders=None)
    bench.apply(
        bench.order(SIBLING, market, "sell 1 @ 100"),
        bench.order(SIBLING, market, "sell 1 @ 101", client_order_id="rests"),
        bench.order(0, market, "buy 1 @ 100"),  # then they traded
        bench.order(0, market, "buy 1 @ 90", client_order_id="gone"),
    )
    (order,) = bench.open_orders(0)
    bench.apply(bench.cancel(0, market, order.pk))
    _age_tables()

    found = _verified()
    assert (found.differences, found.trades) == ([], 1)

    with bench.anew():
        # An order of then is its account's; two of now are their owner's.
        (met_old,) = bench.apply(bench.order(0, market, "buy 0.5 @ 101"))
        bench.apply(bench.order(SIBLING, market, "sell 1 @ 99"))
        (met_new,) = bench.apply(bench.order(0, market, "buy 1 @ 99"))
        assert met_old.orders[0].status == "filled"
        assert met_new.orders[0].reason == "self_trade"
        assert _verified().differences == []
        assert _verified().state_hash == bench.state_hash()


def _age_tables() -> None:
    """Take from journal and tables what the former version did not write."""
    from matching.models import Command, Market, Order

    for command in Command.objects.all():
        fields = msgspec.msgpack.decode(command.body)
        if command.kind == "configure":
            fields = fields[:FORMER_CONFIGURE_FIELDS]
        elif command.kind == "cancel":
            fields = fields[:FORMER_CANCEL_FIELDS]
        Command.objects.filter(pk=command.pk).update(
            body=msgspec.msgpack.encode(fields), owner_id=None
        )
    Order.objects.update(owner_id=None)
    # As the migration's columns come into being.
    Market.objects.update(
        self_trade_scope="owner",
        max_open_orders=None,
        self_trade_modes="taker,maker,both,decrement",
        max_trigger_orders=None,
        cancels_on_close=False,
        max_order_lists=None,
    )
