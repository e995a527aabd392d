"""What the worker takes for due, in which order, how much at once, and how long it waits for it."""

from matching.commands import decode_command, kind_of
from matching.commands.due import FireTimer
from matching.commands.switch import SetTimer
from matching.engine import Engine
from matching.engine.commands import ConfigureMarket, Expire, Place, SetPhase, SetSwitch
from matching.engine.engine import EXPIRIES_MAX
from matching.engine.firing import CHAIN_MAX
from matching.engine.orders import Conditions, OrderTerms
from matching.worker.due import (
    DUE_IN_BATCH_MAX,
    DUE_ORDERS_MAX,
    ENTERING_COUNTS,
    GO_ON_MAX,
    RETRY_US,
    Due,
)
from matching.worker.entries import own_entry
from tests.terms import btc_usd

NOW_US = 1_000_000


def _engine(*due_us: int) -> Engine:
    """Return an engine with a switch of an account each, 1 and up."""
    engine = Engine()
    for account_id, moment in enumerate(due_us, start=1):
        engine.apply(SetSwitch(account_id, 0, moment, 0))
    return engine


def _accounts(due: Due, engine: Engine, now_us: int) -> list[int]:
    return [command.account_id for command in due.take(engine, now_us)]


def test_what_is_due_becomes_an_entry_at_the_streams_position():
    (command,) = Due().take(_engine(NOW_US), NOW_US)
    entry = own_entry(command, "5-1")

    assert entry.command == decode_command(entry.body) == FireTimer(1, 0, NOW_US)
    assert (entry.stream_id, entry.reply_to, entry.blame, entry.is_fence) == ("5-1", "", "", False)


def test_the_earliest_comes_first_and_what_is_not_due_not_at_all():
    due, engine = Due(), _engine(NOW_US, NOW_US - 2, NOW_US + 1)

    assert due.are_due(engine, NOW_US)
    assert not due.are_due(engine, NOW_US - 3)
    assert _accounts(due, engine, NOW_US) == [2, 1]


def test_what_is_still_due_is_tried_again_later_and_holds_nothing_up():
    due, engine = Due(), _engine(NOW_US, NOW_US + 1)
    assert _accounts(due, engine, NOW_US) == [1]

    assert not due.are_due(engine, NOW_US)
    assert _accounts(due, engine, NOW_US + 1) == [2]
    assert not due.are_due(engine, NOW_US + RETRY_US - 1)
    assert _accounts(due, engine, NOW_US + RETRY_US) == [1]


def test_a_batch_has_a_bound_and_the_rest_follows():
    due, engine = Due(), _engine(*[NOW_US] * (DUE_IN_BATCH_MAX + 3))

    assert len(due.take(engine, NOW_US)) == DUE_IN_BATCH_MAX
    assert _accounts(due, engine, NOW_US) == [DUE_IN_BATCH_MAX + number for number in (1, 2, 3)]
    assert due.take(engine, NOW_US) == []


def test_the_wait_for_commands_ends_when_the_next_one_is_due():
    due = Due()

    assert due.wait_ms(_engine(), NOW_US, 250) == 250
    assert due.wait_ms(_engine(NOW_US + 300_000), NOW_US, 250) == 250
    assert due.wait_ms(_engine(NOW_US + 100_001), NOW_US, 250) == 101
    assert due.wait_ms(_engine(NOW_US + 1), NOW_US, 250) == 1
    # One that failed and is still due makes nobody hurry.
    engine = _engine(NOW_US - 1, NOW_US + 9_000)
    assert due.wait_ms(engine, NOW_US, 250) == 0
    assert _accounts(due, engine, NOW_US) == [1]
    assert due.wait_ms(engine, NOW_US, 250) == 9


def _markets(*due_us: int) -> Engine:
    """Return an engine with markets, 1 and up, each with an order that ends then."""
    engine = Engine()
    for market_id, moment in enumerate(due_us, start=1):
        engine.apply(ConfigureMarket(btc_usd(market_id=market_id).integers, "continuous", 0))
        conditions = Conditions(expires_us=moment)
        terms = OrderTerms(None, "buy", "limit", "gtd", False, None, conditions)
        order_id = 100 + market_id
        engine.apply(Place(market_id, 1, order_id, terms, 1_000, 1_000, 0, 0, 10**15, 0))
    return engine


def _due_in(due: Due, engine: Engine, now_us: int) -> list[int]:
    commands = due.take(engine, now_us)
    assert {command.what for command in commands} <= {"expiry"}
    return [command.market_id for command in commands]


def test_each_market_has_its_turn_and_none_waits_for_another():
    due, engine = Due(), _markets(*[NOW_US] * (DUE_IN_BATCH_MAX + 2), NOW_US + 1)
    last = DUE_IN_BATCH_MAX + 2

    first_round = due.take(engine, NOW_US)
    assert [command.market_id for command in first_round] == list(range(1, DUE_IN_BATCH_MAX + 1))
    due.go_on(first_round)  # each did something, and nothing is at its end
    assert due.wait_ms(engine, NOW_US, 250) == 0
    second_round = [command.market_id for command in due.take(engine, NOW_US)]
    assert second_round == [last - 1, last, *range(1, DUE_IN_BATCH_MAX - 1)]


def _chains(*lengths: int) -> Engine:
    """Return an engine with markets, 1 and up, in each of which so many orders are to enter yet."""
    engine = Engine()
    for market_id, length in enumerate(lengths, start=1):
        engine.apply(ConfigureMarket(btc_usd(market_id=market_id).integers, "continuous", 0))
        stop = Conditions(trigger="stop", trigger_ticks=1_000)
        terms = OrderTerms(None, "sell", "market", "ioc", False, None, stop)
        limit = OrderTerms(None, "buy", "limit", "gtc", False, None)
        sell = OrderTerms(None, "sell", "limit", "gtc", False, None)
        base = market_id * 10_000
        for number, (account_id, one, ticks) in enumerate(
            [
                (1, limit, 2_000), (2, sell, 2_000), (1, limit, 1_000),
                *((3 + one, terms, None) for one in range(CHAIN_MAX + length)), (2, sell, 1_000),
            ]
        ):  # fmt: skip
            ids = base + number, one, ticks
            engine.apply(Place(market_id, account_id, *ids, 1_000, 0, 0, 10**15, 0))
        assert len(engine.market(market_id).triggers.queue) == length
    return engine


def test_a_batch_is_bounded_by_the_orders_of_all_markets_that_go_on():
    """However many chains there are: others have their turn between two batches."""
    due, engine = Due(), _chains(*[GO_ON_MAX + 1] * 5)
    rounds = []
    for _ in range(3):
        commands = due.take(engine, NOW_US)
        due.go_on(commands)  # nothing is applied here: all go on for ever
        rounds.append([command.market_id for command in commands])
    assert 2 * ENTERING_COUNTS * GO_ON_MAX == DUE_ORDERS_MAX
    assert rounds == [[1, 2], [3, 4], [5, 1]]


def test_short_chains_go_on_together():
    assert [one.market_id for one in Due().take(_chains(1, 2, GO_ON_MAX - 3, 9), NOW_US)] == [
        1,
        2,
        3,
        4,
    ]


def test_switches_of_accounts_with_many_orders_fire_one_after_the_other_and_at_once():
    engine = _engine(NOW_US, NOW_US, NOW_US + 1)
    engine.apply(ConfigureMarket(btc_usd(market_id=1).integers, "continuous", 0))
    terms = OrderTerms(None, "buy", "limit", "gtc", False, None)
    for number in range(DUE_ORDERS_MAX + 2):
        account_id = 1 if number < 2 else 2
        engine.apply(Place(1, account_id, number, terms, 1_000, 1_000, 0, 0, 10**15, 0))
    due, later_us = Due(), NOW_US + 1
    assert due.are_due(engine, later_us)
    assert _accounts(due, engine, later_us) == [1]
    assert due.wait_ms(engine, later_us, 250) == 0
    assert _accounts(due, engine, later_us) == [2, 3]
    assert due.wait_ms(engine, later_us, 250) == 250


def test_an_auction_does_not_end_before_all_whose_time_is_over():
    engine = _markets(*[NOW_US])
    conditions = Conditions(expires_us=NOW_US)
    terms = OrderTerms(None, "buy", "limit", "gtd", False, None, conditions)
    for number in range(EXPIRIES_MAX):
        engine.apply(Place(1, 1, 1_000 + number, terms, 1_000, 1_000, 0, 0, 10**15, 0))
    engine.apply(SetPhase(1, "auction", NOW_US, "operator", NOW_US))
    due = Due()
    for whats in (["expiry"], ["expiry"], ["auction"]):
        commands = due.take(engine, NOW_US)
        assert [command.what for command in commands] == whats
        engine.apply(Expire(1, NOW_US))
        due.go_on(commands)


def test_what_ended_nothing_is_tried_again_later():
    due, engine = Due(), _markets(NOW_US, NOW_US + 9_000)
    assert _due_in(due, engine, NOW_US) == [1]

    assert not due.are_due(engine, NOW_US)
    assert due.wait_ms(engine, NOW_US, 250) == 250  # a failure makes nobody hurry
    assert _due_in(due, engine, NOW_US + 9_000) == [2]
    assert _due_in(due, engine, NOW_US + RETRY_US) == [1]


def test_the_wait_for_commands_ends_with_the_next_orders_time():
    due, engine = Due(), _markets(NOW_US + 90_000, NOW_US + 20_001)

    assert due.wait_ms(engine, NOW_US, 250) == 21
    engine.apply(Expire(2, NOW_US + 20_001))
    assert due.wait_ms(engine, NOW_US, 250) == 90
    engine.apply(SetSwitch(1, 0, NOW_US + 50_000, 0))
    assert due.wait_ms(engine, NOW_US, 250) == 50


def test_a_switch_passes_a_full_backlog_as_cancels_do():
    assert kind_of(SetTimer(1, 0, 0)).is_cancel
    assert not kind_of(FireTimer(1, 0, 1)).is_cancel
