"""Auctions: what the tables do not show of what is told."""

import msgspec

from matching.engine.commands import ConfigureMarket
from matching.engine.events import MarketChanged, Traded
from tests.unit.matching.engine.notation import MARKET_ID, RULES, Desk


def test_trades_of_an_auction_say_so_and_add_up():
    desk = Desk()
    desk.phase("auction")
    for order in ("ann: buy 5 @ 100", "bob: sell 2 @ 100", "sell 3 @ 100"):
        desk.place(order)

    trades = [e for e in desk.phase("continuous") if isinstance(e, Traded)]

    assert [(e.is_auction, e.sequence, e.run_sequence) for e in trades] == [
        (True, 1, 1),
        (True, 2, 1),
    ]
    # Nobody makes: the older order stands in that place.
    assert [(e.maker_filled_lots, e.maker_filled_quote_units) for e in trades] == [
        (2, 2 * 100 * 5),
        (5, 5 * 100 * 5),
    ]
    assert [(e.taker_filled_lots, e.taker_filled_quote_units) for e in trades] == [
        (2, 2 * 100 * 5),
        (3, 3 * 100 * 5),
    ]


def test_other_rules_leave_an_auction_its_end():
    desk = Desk()
    desk.phase("auction", ends_us=50)
    rules = msgspec.structs.replace(RULES, max_open_orders=9)

    kept = desk.apply(ConfigureMarket(rules, "auction", 1))
    ended = desk.apply(ConfigureMarket(rules, "halted", 2))

    assert kept == [MarketChanged(MARKET_ID, "auction", 50)]
    assert ended == [MarketChanged(MARKET_ID, "halted", None)]
