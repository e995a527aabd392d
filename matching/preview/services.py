"""The preview of an order, from what is seen of the book and what the tables hold of its account.

Read in one snapshot, without a lock; nothing is written, queued or journaled, and no key is bound.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec
from django.db import connection, transaction

from accounts.money import ledger
from accounts.money.balances import AccountFigures, BalanceKey
from accounts.people.selectors import list_account_pks
from matching.commands import kind_of, position, room
from matching.commands.base import Refused, Step
from matching.commands.place import PlaceOrder
from matching.engine import Engine
from matching.engine.commands import Place
from matching.engine.events import Event, OrderPlaced, OrderRejected, Traded
from matching.engine.orders import OPEN_STATUSES, WAITING, Order, TriggerState
from matching.engine.rules import MarketPhase, MarketSnapshot, Protection
from matching.gateway.reply_codes import code_of
from matching.markets.terms import MarketTerms
from matching.models import Order as OrderRow
from matching.models import OrderConditions
from matching.orders.ids import IdSequence
from matching.preview.rehearsal import Standing, rehearse
from matching.rows.markets import STATES
from matching.rows.orders import OPEN_ORDERS, open_order_of, ticks_of
from matching.rows.protections import PROTECTIONS, protection_of
from matching.worker.decide import Decision, Figures, ShardContext
from zavora.foundation.money import units_to_text
from zavora.foundation.times import moment_of, now_us

# (price, quantity) of one side of a book, best first, in the units people read.
Levels = Sequence[tuple[str, str]]

_OWN_ORDERS: Final = f"{OPEN_ORDERS} AND o.account_id = ANY(%s) ORDER BY o.priority, o.id"
_OWN_PROTECTION: Final = PROTECTIONS.replace(" ORDER BY", " AND account_id = %s ORDER BY")
# Where the price of the last auction stands in a row of ``STATES``.
STATIC_AT: Final = 6
# How much of others the book shows before each of some orders at its price.
_AHEAD: Final = (
    "SELECT own.id, coalesce(sum(o.remaining_quantity - coalesce(c.hidden_quantity, 0)), 0)::text"
    " FROM unnest(%s::bigint[], %s::numeric[], %s::bigint[]) AS own(id, price, priority)"
    f" LEFT JOIN ({OrderRow._meta.db_table} o"
    f" LEFT JOIN {OrderConditions._meta.db_table} c ON c.order_id = o.id)"
    " ON o.market_id = %s AND o.status = ANY(%s) AND o.side = %s AND o.price = own.price"
    " AND (o.priority, o.id) < (own.priority, own.id) AND o.account_id <> ALL(%s)"
    " AND coalesce(c.trigger_state, '') <> ALL(%s) GROUP BY own.id"
)
# Orders of the owner's own that an order could meet and whose places in line are looked up.
MET_MAX: Final = 100


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of an order. Figures as text, in the units people read.

    ``code``, ``reason`` and ``message`` are those of the refusal, and empty where it is accepted;
    then ``reason`` is why it would end at once, if it does. ``hold`` would be locked with it,
    ``resting_quantity`` stay in the book, or wait.
    """

    is_accepted: bool
    code: str = ""
    reason: str = ""
    message: str = ""
    status: str = ""
    trigger_state: TriggerState = ""
    price: str | None = None
    worst_price: str | None = None
    filled_quantity: str
    filled_quote: str
    resting_quantity: str
    fee: str
    fee_asset: str
    hold: str
    hold_asset: str


class Seen(msgspec.Struct, frozen=True):
    """A market as its followers see it: the side that an order takes from, and the last price."""

    terms: MarketTerms
    levels: Levels
    last_price: str | None


class _Known(NamedTuple):
    """What the tables hold of an account."""

    accounts: dict[int, AccountFigures]
    available: dict[BalanceKey, int]
    totals: dict[BalanceKey, int]
    standing: list[Standing]
    static_price: str | None
    protections: tuple[tuple[int, Protection], ...]


def preview_order(command: PlaceOrder, seen: Seen, *, time_us: int | None = None) -> Preview:
    """Return what would become of an order that is placed now, if nobody else does anything.

    Its key, and whether it was used before, is not looked at.
    """
    time_us = now_us() if time_us is None else time_us
    terms = seen.terms
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        known = _read(command, terms)
    try:
        place = _placed(command, terms, known, time_us)
        _check_position(place, seen, known)
        events = rehearse(place, _snapshot(seen, known), _levels(seen), known.standing)
        if isinstance(events[0], OrderRejected):
            raise Refused(events[0].reason, events[0].message)
        _check_room(events, terms, known)
    except Refused as refused:
        return _refusal(command, terms, refused)
    return _accepted(events, terms)


# --- reading --------------------------------------------------------------------------------------


def _read(command: PlaceOrder, terms: MarketTerms) -> _Known:
    account_id, assets = command.account_id, (terms.base, terms.quote)
    scales = {asset.asset_id: asset.scale for asset in assets}
    session: Any = connection.connection
    asked = ledger.ask_accounts(session, [account_id])
    accounts, available, _ = ledger.take_accounts(asked, scales)
    totals = ledger.read_totals(session, [(account_id, asset_id) for asset_id in scales], scales)
    figures = accounts.get(account_id)
    account_ids = [account_id]
    if figures is not None and figures.owner_id and terms.rules.self_trade_scope == "owner":
        account_ids = list_account_pks(figures.owner_id)
    rows = session.execute(_OWN_ORDERS, ([terms.market_id], account_ids)).fetchall()
    orders = [open_order_of(row, terms) for row in rows]
    ahead = _read_ahead(session, command, terms, orders, account_ids)
    standing = [Standing(order, ahead.get(order.order_id, 0)) for order in orders]
    state = session.execute(STATES, ([terms.market_id],)).fetchone()
    row = session.execute(_OWN_PROTECTION, ([terms.market_id], account_id)).fetchone()
    protections = () if row is None else (protection_of(row, terms),)
    static_price = None if state is None else state[STATIC_AT]
    return _Known(accounts, available, totals, standing, static_price, protections)


def _read_ahead(
    session: Any,
    command: PlaceOrder,
    terms: MarketTerms,
    orders: list[Order],
    account_ids: list[int],
) -> dict[int, int]:
    """Return how many lots of others stand before those orders that could be met, by their ids."""
    side = "sell" if command.side == "buy" else "buy"
    met = [
        order for order in orders if order.terms.side == side and order.trigger_state not in WAITING
    ]
    met.sort(key=lambda order: (order.price_ticks or 0) * (1 if side == "sell" else -1))
    del met[MET_MAX:]
    if not met:
        return {}
    rows = session.execute(
        _AHEAD,
        (
            [order.order_id for order in met],
            [terms.price_text(order.price_ticks or 0) for order in met],
            [order.priority for order in met],
            terms.market_id,
            sorted(OPEN_STATUSES),
            side,
            account_ids,
            sorted(WAITING),
        ),
    )
    return {
        order_id: terms.quantity_to_lots(text) if text.strip("0.") else 0
        for order_id, text in rows.fetchall()
    }


# --- trying out -----------------------------------------------------------------------------------


def _placed(command: PlaceOrder, terms: MarketTerms, known: _Known, time_us: int) -> Place:
    """Return the engine's command, by way of the kind that the worker decides it with."""
    decision = _decision(terms, known, time_us)
    kind = kind_of(command)
    given = kind.given(command, decision)
    steps: list[Step] = kind.steps(command, given, decision)
    kind.check(command, given, steps, decision)
    (step,) = steps
    place = step.command
    if not isinstance(place, Place):
        raise TypeError("an order is placed by one command")
    return place


def _decision(terms: MarketTerms, known: _Known, time_us: int) -> Decision:
    """Return a batch for the one command, of which nothing is kept."""
    ids = [each.order.order_id for each in known.standing]
    context = ShardContext(
        shard_id=terms.shard_id,
        engine=Engine(),
        ids=IdSequence(shard_id=terms.shard_id, last=max(ids, default=0)),
        terms={terms.market_id: terms},
        assets={asset.asset_id: asset for asset in (terms.base, terms.quote)},
        scales={asset.asset_id: asset.scale for asset in (terms.base, terms.quote)},
        fee_account_id=0,
        journal_sequence=0,
        event_sequences={},
        last_batch_us=time_us,
    )
    figures = Figures(known.accounts, known.available, {})
    return Decision(context, figures, time_us=time_us, time_text=moment_of(time_us).isoformat())


def _snapshot(seen: Seen, known: _Known) -> MarketSnapshot:
    terms, last_price, static_price = seen.terms, seen.last_price, known.static_price
    return MarketSnapshot(
        rules=terms.integers,
        phase=cast(MarketPhase, terms.rules.phase),
        trade_sequence=0,
        depth_sequence=0,
        last_price_ticks=None if last_price is None else terms.price_to_ticks(last_price),
        static_ticks=None if static_price is None else ticks_of(static_price, terms),
        protections=known.protections,
    )


def _levels(seen: Seen) -> Any:
    terms = seen.terms
    return (
        (terms.price_to_ticks(price), terms.quantity_to_lots(quantity))
        for price, quantity in seen.levels
    )


def _check_position(place: Place, seen: Seen, known: _Known) -> None:
    """Raise Refused where the order could bring its account too much of the base asset."""
    terms = seen.terms
    price = seen.levels[0][0] if seen.levels else seen.last_price
    position.check_alone(
        place,
        [each.order for each in known.standing],
        terms,
        total_units=known.totals.get((place.account_id, terms.base.asset_id), 0),
        reference_ticks=None if price is None else terms.price_to_ticks(price),
    )


def _check_room(events: list[Event], terms: MarketTerms, known: _Known) -> None:
    """Raise Refused where the order could bring its own account more than that has room for."""
    crowded = room.first_without_room(events, terms, known.totals, {})
    if crowded is not None and crowded in room.own_orders(events):
        raise room.full()


# --- telling --------------------------------------------------------------------------------------


def _refusal(command: PlaceOrder, terms: MarketTerms, refused: Refused) -> Preview:
    buys = command.side == "buy"
    held, received = (terms.quote, terms.base) if buys else (terms.base, terms.quote)
    return Preview(
        is_accepted=False,
        code=code_of(refused.reason),
        reason=refused.reason,
        message=str(refused),
        filled_quantity=terms.zero_quantity,
        filled_quote=terms.zero_quote,
        resting_quantity=terms.zero_quantity,
        fee=units_to_text(0, received.scale),
        fee_asset=received.code,
        hold=units_to_text(0, held.scale),
        hold_asset=held.code,
    )


def _accepted(events: list[Event], terms: MarketTerms) -> Preview:
    placed = events[0]
    if not isinstance(placed, OrderPlaced):
        raise TypeError("an order that is accepted is placed first")
    order = placed.order
    fills = [event for event in events if isinstance(event, Traded) and event.taker is order]
    buys = order.terms.side == "buy"
    held, received = (terms.quote, terms.base) if buys else (terms.base, terms.quote)
    fee_units = sum(fill.buyer_fee_units if buys else fill.seller_fee_units for fill in fills)
    stays = order.status in OPEN_STATUSES
    return Preview(
        is_accepted=True,
        reason=order.reason,
        status=order.status,
        trigger_state=order.trigger_state,
        price=None if order.price_ticks is None else terms.price_text(order.price_ticks),
        worst_price=terms.price_text(fills[-1].price_ticks) if fills else None,
        filled_quantity=terms.quantity_text(order.filled_lots),
        filled_quote=terms.quote_text(order.filled_quote_units),
        resting_quantity=terms.quantity_text(order.left_lots if stays else 0),
        fee=units_to_text(fee_units, received.scale),
        fee_asset=received.code,
        hold=units_to_text(placed.hold_units, held.scale),
        hold_asset=held.code,
    )
