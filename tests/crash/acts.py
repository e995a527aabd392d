"""What clients do beside placing, amending and cancelling orders: what it is, and what to note.

Each may be repeated until it is answered: a list by its own name, a replacement and a batch by
those of their orders, everything else as it changes nothing twice.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.crash.kinds import draw_order
from tests.crash.notes import ListTold
from tests.crash.wholes import ReplacedTold

if TYPE_CHECKING:
    from tests.crash.load import Trader
    from tests.crash.markets import MarketPlan

TIMERS_MS: Final = (0, 1_000, 1_500, 2_500, 4_000)
WINDOWS_MS: Final = (500, 60_000)
BATCH_ORDERS: Final = (2, 6)


@dataclass(frozen=True)
class Act:
    """Something to send: by its route, or by its method. ``key`` names it in the notes."""

    key: str
    note: "Callable[[Trader, Any], None]"
    method: str = ""
    path: str = ""
    body: Any = None
    call: str = ""
    params: dict[str, Any] | None = None
    # How many orders of a batch it is; 0: it is none.
    orders: int = 0


def act_of(trader: "Trader") -> Act:
    """Draw what a trader does next."""
    draw = trader.draw.random()
    if trader.lists and draw < 0.12:
        return _cancel_list(trader)
    if trader.open and draw < 0.35:
        return _replace(trader)
    if draw < 0.5 and not trader.is_socket:
        return _place_batch(trader)
    if draw < 0.85 or not trader.sets_limits:
        return _place_list(trader)
    return _set_timer(trader) if trader.is_socket else _protect(trader)


# --- lists ----------------------------------------------------------------------------------------


def _place_list(trader: "Trader") -> Act:
    draw, market = trader.draw, trader.draw_market()
    kind = draw.choice(("OCO", "OTO", "OTOCO"))
    side = draw.choice(("buy", "sell"))
    quantity = market.quantity(draw)
    other = "sell" if side == "buy" else "buy"
    follower = side if draw.random() < 0.2 else other
    legs: list[dict[str, Any]] = []
    if kind != "OCO":
        legs.append(_limit(market, trader, side, quantity, 0))
    if kind != "OTO":
        pair = side if kind == "OCO" else follower
        away = 14 if pair == "sell" else -14
        legs += [
            _limit(market, trader, pair, quantity, away),
            _stop(market, trader, pair, quantity),
        ]
    else:
        make = draw.choice((_stop, lambda *given: _limit(*given, 0)))
        legs.append(make(market, trader, follower, quantity))
    for leg in legs:
        leg["client_order_id"] = f"l-{uuid.uuid4().hex}"
    key = f"list-{uuid.uuid4().hex}"
    body = {
        "user_id": trader.account,
        "market": market.symbol,
        "kind": kind,
        "client_list_id": key,
        "orders": legs,
    }
    return Act(key, _note_list, "POST", "/orders/lists", body, "placeOrderList")


def _limit(
    market: "MarketPlan", trader: "Trader", side: str, quantity: str, away: int
) -> dict[str, Any]:
    price = market.price(trader.draw, away)
    return {"side": side, "order_type": "limit", "price": price, "quantity": quantity}


def _stop(market: "MarketPlan", trader: "Trader", side: str, quantity: str) -> dict[str, Any]:
    away = -14 if side == "sell" else 14
    stop_price = market.price(trader.draw, away)
    return {"side": side, "order_type": "Stop", "stop_price": stop_price, "quantity": quantity}


def _cancel_list(trader: "Trader") -> Act:
    place = trader.draw.randrange(len(trader.lists))
    list_id = trader.lists[place]
    del trader.lists[place]
    return Act(
        f"cl-{uuid.uuid4().hex}",
        _note_list,
        "DELETE",
        f"/orders/lists/{list_id}",
        None,
        "cancelOrderList",
        {"list_id": list_id},
    )


def _note_list(trader: "Trader", data: Any) -> None:
    told = ListTold.of(data["list"])
    trader.shared.notes.lists.append(told)
    for order in data["orders"]:
        trader.note(order)
    if not told.is_done:
        trader.lists.append(str(told.list_id))


# --- replacements, and batches --------------------------------------------------------------------


def _replace(trader: "Trader") -> Act:
    order_id, market = trader.take_open()
    key = f"r-{uuid.uuid4().hex}"
    policy = trader.draw.choice(("StopOnFailure", "AllowFailure"))
    body = draw_order(trader.account, market, trader.draw)
    body |= {"client_order_id": key, "policy": policy}

    def note(_: "Trader", data: Any) -> None:
        cancelled, placed = data["cancelled"], data["placed"]
        told = ReplacedTold(
            trader.account,
            key,
            int(order_id),
            policy == "AllowFailure",
            "order" in cancelled,
            int(placed["order"]["id"]) if placed and "order" in placed else None,
        )
        trader.shared.notes.replaced.append(told)
        if told.is_cancelled:
            trader.note(cancelled["order"])
        else:
            # Where there is no new order either, nothing took effect.
            is_nothing = told.new_id is None
            trader.refused(cancelled["error"]["code"], key if is_nothing else None)
        if told.new_id is not None:
            trader.note_placed(placed)
        elif placed:
            trader.refused(placed["error"]["code"], None)

    path = f"/orders/{order_id}/replace"
    return Act(key, note, "POST", path, body, "replaceOrder", {"order_id": order_id, **body})


def _place_batch(trader: "Trader") -> Act:
    orders = [
        draw_order(trader.account, trader.draw_market(), trader.draw)
        | {"client_order_id": f"b-{uuid.uuid4().hex}"}
        for _ in range(trader.draw.randint(*BATCH_ORDERS))
    ]

    def note(_: "Trader", data: Any) -> None:
        for asked, result in zip(orders, data, strict=True):
            key = asked["client_order_id"]
            if "error" in result:
                trader.refused(result["error"]["code"], key)
                continue
            trader.note_placed(result)
            trader.shared.notes.batched += 1
            if result["order"]["client_order_id"] != key:
                trader.shared.unexpected.append(f"{result} in the place of {key}")

    key = f"batch-{uuid.uuid4().hex}"
    return Act(key, note, "POST", "/orders/batch", orders, orders=len(orders))


# --- protections, and dead-man's switches ---------------------------------------------------------


def _protect(trader: "Trader") -> Act:
    draw, market = trader.draw, trader.draw_market()
    path = f"/accounts/{trader.account}/protections/{market.symbol.replace('/', '-')}"
    name = (trader.account, market.symbol)

    def note(_: "Trader", data: Any) -> None:
        limits = None if data["max_fills"] is None else (data["max_fills"], data["window_ms"])
        trader.shared.notes.protections[name] = limits

    key = f"p-{uuid.uuid4().hex}"
    kind = draw.random()
    if kind < 0.45:
        body = {"max_fills": draw.randint(1, 4), "window_ms": draw.choice(WINDOWS_MS)}
        return Act(key, note, "PUT", path, body)
    if kind < 0.9:
        return Act(key, note, "POST", f"{path}/reset", {})
    return Act(key, note, "DELETE", path)


def _set_timer(trader: "Trader") -> Act:
    timeout_ms = trader.draw.choice(TIMERS_MS)

    def note(_: "Trader", data: Any) -> None:
        trader.shared.notes.timers[trader.account] = data["cancel_at"]

    key = f"t-{uuid.uuid4().hex}"
    return Act(key, note, call="cancelAllAfter", params={"timeout_ms": timeout_ms})
