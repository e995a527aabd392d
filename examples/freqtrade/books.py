"""Freqtrade's own record of its trades beside Zavora's ledger, compared to the last unit.

Freqtrade keeps floats in SQLite; every figure that it was told has at most eight decimals, so the
nearest such decimal is that figure. A sale's fee stands in ``trades.fee_close_cost``, a buy's in
``orders.ft_fee_base``, in the asset bought (``trades.fee_open_cost`` is an estimate of it in the
other asset). Where freqtrade owned enough of the asset to "eat the fee into dust", its log alone
has the figure; the table has a mean of rates.
"""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

UNIT = Decimal("0.00000001")
ORDER_SQL = """
    SELECT orders.ft_trade_id, orders.order_id, orders.symbol, orders.side, orders.order_type,
           orders.status, orders.filled, orders.cost, orders.ft_fee_base,
           trades.fee_open_currency,
           trades.fee_close_cost, trades.fee_close_currency
    FROM orders JOIN trades ON trades.id = orders.ft_trade_id ORDER BY orders.id
"""
EATEN = re.compile(r"Fee amount for Trade\(id=(\d+),.*Eating Fee ([0-9.e-]+) into dust")
COUNT_SQL = "SELECT coalesce(sum(NOT is_open), 0), coalesce(sum(is_open), 0) FROM trades"


def exact(number: float | str | Decimal | None) -> Decimal:
    """Return a recorded figure with its eight decimals."""
    return Decimal(str(number or 0)).quantize(UNIT)


@dataclass
class BotOrder:
    """An order as freqtrade recorded it, with the fee that it recorded for it."""

    trade: int
    order_id: str
    pair: str
    side: str
    kind: str
    status: str
    filled: Decimal
    cost: Decimal
    fee: Decimal
    fee_asset: str


@dataclass
class BookedOrder:
    """The same order as Zavora booked it: the sum of its fills."""

    filled: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    fee_asset: str = ""
    liquidity: str = ""


def trade_counts(database: Path) -> tuple[int, int]:
    """Return how many trades are closed and how many are open by freqtrade's record."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        closed, still_open = connection.execute(COUNT_SQL).fetchone()
    return int(closed), int(still_open)


def bot_orders(database: Path, log: Path) -> list[BotOrder]:
    """Return every order on freqtrade's record, in the order of placing."""
    eaten = {int(trade): exact(fee) for trade, fee in EATEN.findall(log.read_text())}
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(ORDER_SQL).fetchall()
    return [_bot_order(row, eaten) for row in rows]


def _bot_order(row: sqlite3.Row, eaten: Mapping[int, Decimal]) -> BotOrder:
    filled = exact(row["filled"])
    if not filled:
        fee, fee_asset = Decimal(0), ""
    elif row["side"] == "sell":
        fee, fee_asset = exact(row["fee_close_cost"]), row["fee_close_currency"]
    elif row["ft_fee_base"] is not None:
        fee, fee_asset = exact(row["ft_fee_base"]), row["fee_open_currency"]
    else:
        fee, fee_asset = eaten.get(row["ft_trade_id"], Decimal(0)), row["fee_open_currency"]
    return BotOrder(
        trade=row["ft_trade_id"],
        order_id=row["order_id"],
        pair=row["symbol"],
        side=row["side"],
        kind=row["order_type"],
        status=row["status"],
        filled=filled,
        cost=exact(row["cost"]),
        fee=fee,
        fee_asset=fee_asset or "",
    )


class Ledger:
    """What Zavora has on an account, read over its own API with a bearer token."""

    def __init__(self, url: str, token: str, account: str) -> None:
        self._http = httpx.Client(
            base_url=f"{url}/api/v1/accounts/{account}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _rows(self, what: str) -> Iterator[Any]:
        cursor = None
        while True:
            params = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
            answer = self._http.get(f"/{what}", params=params).raise_for_status().json()
            yield from answer["data"]
            if not (cursor := (answer.get("meta") or {}).get("next")):
                return

    def orders(self) -> dict[str, BookedOrder]:
        """Return what was booked for each order that was filled, by order id."""
        booked: dict[str, BookedOrder] = defaultdict(BookedOrder)
        for fill in self._rows("trades"):
            order = booked[fill["order_id"]]
            order.filled += Decimal(fill["quantity"])
            order.cost += Decimal(fill["amount"])
            order.fee += Decimal(fill["fee"])
            order.fee_asset = fill["fee_asset"]
            if fill["liquidity"] not in order.liquidity:
                order.liquidity += fill["liquidity"]
        return dict(booked)

    def movements(self) -> dict[str, Decimal]:
        """Return the sum of all ledger entries by asset, deposits left out."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for entry in self._rows("ledger"):
            if entry["kind"] != "Deposit":
                sums[entry["asset"]] += Decimal(entry["amount"])
        return dict(sums)

    def balances(self) -> dict[str, Decimal]:
        """Return the total of each asset."""
        rows = self._http.get("/balances").raise_for_status().json()["data"]
        return {row["asset"]: Decimal(row["total"]) for row in rows}


def recorded_movements(orders: list[BotOrder]) -> dict[str, Decimal]:
    """Return what freqtrade's own record says each asset changed by: fills minus fees."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        base, quote = order.pair.split("/")
        sign = 1 if order.side == "buy" else -1
        sums[base] += sign * order.filled
        sums[quote] -= sign * order.cost
        if order.fee_asset:
            sums[order.fee_asset] -= order.fee
    return dict(sums)


def compare(orders: list[BotOrder], booked: Mapping[str, BookedOrder]) -> tuple[list[str], int]:
    """Return a table, a line for each order, and how many orders differ in anything."""
    columns = "{:>5}  {:>20}  {:8}  {:4}  {:6}  {:8}  {:5}  {:>12}  {:>15}  {:>12}  {:4}  {}"
    head = ("trade", "order", "pair", "side", "type", "status", "as")
    lines = [columns.format(*head, "filled", "cost", "fee", "", "")]
    wrong = 0
    for order in orders:
        zavora = booked.get(order.order_id, BookedOrder())
        told = (order.filled, order.cost, order.fee, order.fee_asset)
        real = (zavora.filled, zavora.cost, zavora.fee, zavora.fee_asset)
        verdict = "same" if told == real else f"DIFFERS: Zavora has {real}"
        wrong += told != real
        what = (order.trade, order.order_id, order.pair, order.side, order.kind, order.status)
        figures = (order.filled, order.cost, order.fee, order.fee_asset)
        lines.append(columns.format(*what, zavora.liquidity[:5] or "-", *figures, verdict))
    unknown = set(booked) - {order.order_id for order in orders}
    lines += [f"Zavora filled {order_id}, of which the bot knows nothing" for order_id in unknown]
    return lines, wrong + len(unknown)


def compare_assets(
    orders: list[BotOrder],
    ledger: Mapping[str, Decimal],
    start: Mapping[str, Decimal],
    final: Mapping[str, Decimal],
    wallet: Mapping[str, Decimal],
) -> tuple[list[str], int]:
    """Return a table of the assets that moved, and how many differ.

    ``wallet`` is what freqtrade says it owns; ``start`` and ``final`` are Zavora's balances.
    """
    recorded = recorded_movements(orders)
    columns = "{:5}  {:>18}  {:>18}  {:>18}  {:>18}  {}"
    head = ("asset", "freqtrade: change", "Zavora's ledger", "freqtrade: owned", "Zavora: balance")
    lines = [columns.format(*head, "")]
    wrong = 0
    for asset in sorted(set(recorded) | set(ledger)):
        change, booked = recorded.get(asset, Decimal(0)), ledger.get(asset, Decimal(0))
        owned, balance = wallet.get(asset, Decimal(0)), final.get(asset, Decimal(0))
        same = change == booked and owned == balance
        same = same and start.get(asset, Decimal(0)) + change == balance
        wrong += not same
        figures = [f"{figure:.8f}" for figure in (change, booked, owned, balance)]
        lines.append(columns.format(asset, *figures, "same" if same else "DIFFERS"))
    return lines, wrong
