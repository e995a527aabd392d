"""Each row that a batch writes reads back as given: orders, trades, keys, journal, events."""

from decimal import Decimal

import msgspec
import pytest

from matching import wire
from matching.commands import TABLE, decode_command, fingerprint
from matching.commands.amend import AmendOrder
from matching.commands.cancel import CancelOrder
from matching.commands.cancel_all import CancelAllOrders
from matching.commands.configure import ConfigureMarket
from matching.commands.due import FireTimer
from matching.commands.move import AdoptMarket, ReleaseMarket
from matching.commands.phase import SetMarketPhase
from matching.commands.place import LegOrder
from matching.commands.place_batch import PlaceOrders
from matching.commands.place_list import PlaceList
from matching.commands.protect import ResetProtection, SetProtection
from matching.commands.replace import ReplaceOrder
from matching.commands.switch import SetTimer
from matching.markets.selectors import get_market_terms
from matching.models import Command, Event, Market, Order, Trade
from matching.orders.by_sequence import list_event_payloads
from matching.rows.keys import find_key_results
from matching.rows.orders import state_of_row
from matching.rows.trades import trade_state
from matching.worker.transaction import TOGETHER_COMMANDS_MAX
from tests.integration.matching.worker_setup import (
    assert_sound,
    entries_of,
    place,
    rebuilt_hash,
)

LEG = LegOrder("sell", "limit", "gtc", False, "10", "1", None)
pytestmark = pytest.mark.django_db(transaction=True)

# What a row of text has to escape, twice where it goes as an array.
AWKWARD = 'a\\b "c" {d,e} \\N'


# Few rows go together in a pipeline, many by COPY: two ways to write the same.
@pytest.mark.parametrize("others", [0, TOGETHER_COMMANDS_MAX], ids=["pipeline", "copy"])
def test_every_row_of_a_batch_reads_back_as_it_was_given(worker, market, ann, bob, others) -> None:
    terms = get_market_terms(market.symbol)
    commands = [
        place(ann, market, "sell", "10.01", "0.003", key=AWKWARD),
        place(ann, market, "sell", "10.02", "1"),
        place(bob, market, "buy", "10.02", "0.004", key="taker"),
        place(bob, market, "buy", None, "0.001"),
        place(bob, market, "buy", "9", "2", time_in_force="ioc"),
        place(bob, market, "buy", "9.5", "2", key="resting"),
        CancelOrder(ann.pk, market.pk, None, AWKWARD, cancel_name="gone already"),
        place(ann, market, "sell", "20", "1", key=AWKWARD),
        *(place(bob, market, "buy", "1", "0.001") for _ in range(others)),
    ]
    position = worker.memory.position.journal_sequence
    entries = entries_of(worker, commands)

    replies = worker.settle(*commands)

    states = {order.id: order for reply in replies for order in reply.orders}
    trades = {trade.sequence: trade for reply in replies for trade in reply.trades}
    assert len(trades) == 3
    # A maker's own reply came before its fills; the rows say how it stands.
    for row in Order.objects.all():
        known = states[row.pk]
        read = state_of_row(row, terms)
        if known.filled_quantity == read.filled_quantity and known.status == read.status:
            assert read == known
        else:
            assert row.pk in {trade.maker_order_id for trade in trades.values()}
    assert Order.objects.count() == len(states)
    assert {row.sequence: trade_state(row, terms) for row in Trade.objects.all()} == trades
    for index, key in ((0, AWKWARD), (2, "taker"), (5, "resting")):
        name = commands[index].account_id, key
        bound, result = find_key_results([name])[name]
        assert bound == fingerprint(commands[index])
        assert wire.decode_reply(result) == replies[index]
    journal = Command.objects.filter(sequence__gt=position).order_by("sequence")
    for row, entry, command in zip(journal, entries, commands, strict=True):
        assert decode_command(bytes(row.body)) == command
        assert (row.account_id, row.market_id) == (command.account_id, market.pk)
        assert row.kind == type(command).__struct_config__.tag
        assert row.stream_id == entry.stream_id
    payloads = list_event_payloads(market.pk, after=0)
    assert payloads[-1:] == [payload for _, payload in worker.events][-1:]
    assert worker.state_hash() == rebuilt_hash()
    assert_sound()


def test_orders_that_change_later_read_back_as_they_stand(worker, market, ann, bob) -> None:
    terms = get_market_terms(market.symbol)
    asked = (
        place(ann, market, "sell", "10.01", "3"),
        place(ann, market, "sell", "10.02", "3"),
        place(ann, market, "sell", "10.03", "3"),
    )
    filled, amended, cancelled = (reply.orders[0] for reply in worker.settle(*asked))
    (traded,) = worker.settle(place(bob, market, "buy", "10.01", "1.5"))

    replies = worker.settle(
        AmendOrder(ann.pk, market.pk, amended.id, "10.04", "2.5", None, asked[0].deadline_ms),
        CancelOrder(ann.pk, market.pk, cancelled.id),
    )

    for reply in replies:
        (known,) = reply.orders
        assert state_of_row(Order.objects.get(pk=known.id), terms) == known
    maker = Order.objects.get(pk=filled.id)
    (trade,) = traded.trades
    assert (maker.filled_quantity, maker.filled_quote) == (Decimal("1.5"), Decimal(trade.amount))
    assert maker.status == "partially_filled"
    assert worker.state_hash() == rebuilt_hash()


def test_every_kind_of_command_is_journaled_by_its_name(worker, market, ann) -> None:
    order = place(ann, market, "sell", "10", "1")
    configured = msgspec.structs.replace(_configure(market), max_open_orders=5)
    worker.settle(
        order,
        AmendOrder(ann.pk, market.pk, 1, "11", None, None, order.deadline_ms),
        CancelOrder(ann.pk, market.pk, 1),
        CancelAllOrders(ann.pk, None, None),
        SetMarketPhase(market.pk, "halted"),
        configured,
        SetTimer(ann.pk, 0, 1_000),
        FireTimer(ann.pk, 0, 1),
        PlaceList(ann.pk, market.pk, "oco", [LEG, LEG], None, None, order.deadline_ms),
        SetProtection(ann.pk, market.pk, 1, None, 1_000),
        ResetProtection(ann.pk, market.pk),
        ReplaceOrder(order, 1, None, goes_on=False),
        PlaceOrders([order, order]),
        AdoptMarket(market.pk, 1),
        ReleaseMarket(market.pk, 1, 1),
    )

    kinds = {kind.wire.__struct_config__.tag for kind in TABLE if not kind.is_several}
    assert set(Command.objects.values_list("kind", flat=True)) == kinds
    assert Event.objects.filter(market=market).count() >= 2


def _configure(market: Market) -> ConfigureMarket:
    """Return the command that made the market."""
    body = Command.objects.get(kind="configure", market=market).body
    command = decode_command(bytes(body))
    assert isinstance(command, ConfigureMarket)
    return command
