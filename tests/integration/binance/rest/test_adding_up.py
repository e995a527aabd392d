"""What is printed adds up: balances change by fills less commissions, to the last digit."""

import random
from collections import Counter
from decimal import Decimal
from typing import Any

from tests.integration.binance.rest.conftest import OPEN_ORDERS, ORDER, Bot, now_ms

SYMBOL, BASE, QUOTE = "ETHUSDT", "ETH", "USDT"
TRADES = "/api/v3/myTrades"
ROUNDS = 40


def totals(bot: Bot) -> dict[str, Decimal]:
    return {
        asset: Decimal(free) + Decimal(locked)
        for asset, (free, locked) in bot.balances().items()
        if asset in (BASE, QUOTE)
    }


def moved(trades: list[dict[str, Any]]) -> Counter[str]:
    """Return what an account's trades gave and took of each asset."""
    change: Counter[str] = Counter()
    for trade in trades:
        sign = 1 if trade["isBuyer"] else -1
        assert Decimal(trade["price"]) * Decimal(trade["qty"]) == Decimal(trade["quoteQty"])
        change[BASE] += sign * Decimal(trade["qty"])  # type: ignore[assignment]
        change[QUOTE] -= sign * Decimal(trade["quoteQty"])  # type: ignore[assignment]
        change[trade["commissionAsset"]] -= Decimal(trade["commission"])  # type: ignore[assignment]
    return change


def trade_at_random(ann: Bot, ben: Bot) -> list[dict[str, Any]]:
    """Let the two trade odd amounts at odd prices; return all answers."""
    dice = random.Random(20_261_122)
    answers = []
    for _ in range(ROUNDS):
        maker, taker = dice.sample([ann, ben], 2)
        side, other = dice.sample(["BUY", "SELL"], 2)
        price = f"{dice.randint(300_000, 310_000) / 100:.2f}"
        quantity = f"{dice.randint(10, 99_999) / 10_000:.4f}"
        terms = {"symbol": SYMBOL, "type": "LIMIT", "timeInForce": "GTC"}
        # What rests from earlier rounds makes takers of both.
        first = maker.ok("POST", ORDER, **terms, side=side, price=price, quantity=quantity)
        answers.append(first)
        if other == "BUY" and dice.random() < 0.5:
            amount = f"{dice.randint(100, 2_000_000) / 100:.2f}"
            kind = {"symbol": SYMBOL, "type": "MARKET", "quoteOrderQty": amount}
        else:
            kind = {**terms, "timeInForce": "IOC", "price": price, "quantity": "3.3333"}
        answers.append(taker.ok("POST", ORDER, **kind, side=other))
    for bot in (ann, ben):
        bot.tidy_up(SYMBOL)
    return answers


def test_balances_change_by_fills_less_commissions(ann: Bot, ben: Bot) -> None:
    before, start = {bot: totals(bot) for bot in (ann, ben)}, now_ms()

    answers = trade_at_random(ann, ben)

    fills = [fill for answer in answers for fill in answer["fills"]]
    assert len(fills) > ROUNDS / 2
    assert any(Decimal(fill["commission"]) % Decimal("0.000001") for fill in fills)
    for answer in answers:
        assert Decimal(answer["executedQty"]) == sum(Decimal(f["qty"]) for f in answer["fills"])
        spent = sum(Decimal(f["price"]) * Decimal(f["qty"]) for f in answer["fills"])
        assert Decimal(answer["cummulativeQuoteQty"]) == spent
    by_id = {fill["tradeId"]: fill for fill in fills}
    for bot in (ann, ben):
        trades = bot.ok("GET", TRADES, symbol=SYMBOL, startTime=start, limit=1000)
        after = totals(bot)
        change = moved(trades)
        assert {asset: after[asset] - before[bot][asset] for asset in after} == {
            BASE: change[BASE],
            QUOTE: change[QUOTE],
        }
        assert bot.ok("GET", OPEN_ORDERS, symbol=SYMBOL) == []
        assert {bot.balances()[asset][1] for asset in (BASE, QUOTE)} == {"0.00000000"}
        for trade in trades:
            if not trade["isMaker"]:
                fill = by_id[trade["id"]]
                assert (fill["commission"], fill["commissionAsset"]) == (
                    trade["commission"],
                    trade["commissionAsset"],
                )
        orders = {row["orderId"] for row in trades}
        for order_id in list(orders)[:5]:
            row = bot.ok("GET", ORDER, symbol=SYMBOL, orderId=order_id)
            own = [trade for trade in trades if trade["orderId"] == order_id]
            assert Decimal(row["executedQty"]) == sum(Decimal(one["qty"]) for one in own)
            quote = sum(Decimal(one["quoteQty"]) for one in own)
            assert Decimal(row["cummulativeQuoteQty"]) == quote
