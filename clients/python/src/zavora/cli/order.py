"""Commands about orders: placing, reading, cancelling."""

from typing import Annotated, Any

import typer

from zavora.cli.session import (
    USAGE,
    InMarket,
    Json,
    Market,
    Session,
    client_of,
    symbol,
)
from zavora.models import BatchItem, Order, OrderPlaced
from zavora.routes.terms import ListedOrder, OrderTerms
from zavora.words import Side

COLUMNS = (
    "id",
    "market",
    "side",
    "order_type",
    "price",
    "stop_price",
    "quantity",
    "filled_quantity",
    "status",
    "created_at",
)
FILL_COLUMNS = (
    "created_at",
    "market",
    "side",
    "price",
    "quantity",
    "fee",
    "fee_asset",
    "liquidity",
    "order_id",
)
Quantity = Annotated[str | None, typer.Argument(help="How much of the base asset.")]
Much = Annotated[str, typer.Argument(help="How much of the base asset.")]
Price = Annotated[str | None, typer.Option("--price", help="A limit; without it at the market.")]
Name = Annotated[
    str | None,
    typer.Option("--client-id", help="Your name for it: the same again is never a second order."),
]
Force = Annotated[str | None, typer.Option("--tif", help="GTC, IOC, FOK, Day.")]
Preview = Annotated[
    bool, typer.Option("--preview", help="Tell what would become of it; place nothing.")
]
SideWord = Annotated[str, typer.Argument(help="buy or sell")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    placing = typer.Typer(no_args_is_help=True, help="Place orders, or show one.")
    for name, command in (
        ("buy", buy),
        ("sell", sell),
        ("stop", stop),
        ("oco", oco),
        ("show", show),
    ):
        placing.command(name)(command)
    app.add_typer(placing, name="order", rich_help_panel="Orders")
    for name, other in (("orders", orders), ("fills", fills), ("cancel", cancel)):
        app.command(name, rich_help_panel="Orders")(other)


def buy(
    context: typer.Context,
    market: Market,
    quantity: Quantity = None,
    *,
    price: Price = None,
    spend: Annotated[
        str | None, typer.Option("--spend", help="At the market: so much of the quote asset.")
    ] = None,
    post_only: Annotated[bool, typer.Option("--post-only", help="Rest, or be refused.")] = False,
    force: Force = None,
    name: Name = None,
    preview: Preview = False,
    is_json: Json = False,
) -> None:
    """Buy, at a limit or at the market."""
    terms = _terms(
        quantity=quantity,
        quote_quantity=spend,
        price=price,
        post_only=post_only or None,
        time_in_force=force,
        client_order_id=name,
    )
    _place(context, market, Side.BUY, terms, preview=preview, is_json=is_json)


def sell(
    context: typer.Context,
    market: Market,
    quantity: Quantity = None,
    *,
    price: Price = None,
    earn: Annotated[
        str | None, typer.Option("--earn", help="At the market: so much of the quote asset.")
    ] = None,
    post_only: Annotated[bool, typer.Option("--post-only", help="Rest, or be refused.")] = False,
    force: Force = None,
    name: Name = None,
    preview: Preview = False,
    is_json: Json = False,
) -> None:
    """Sell, at a limit or at the market."""
    terms = _terms(
        quantity=quantity,
        quote_quantity=earn,
        price=price,
        post_only=post_only or None,
        time_in_force=force,
        client_order_id=name,
    )
    _place(context, market, Side.SELL, terms, preview=preview, is_json=is_json)


def stop(
    context: typer.Context,
    market: Market,
    side: SideWord,
    quantity: Much,
    *,
    at: Annotated[str | None, typer.Option("--at", help="The price that it waits for.")] = None,
    price: Annotated[
        str | None, typer.Option("--price", help="A limit from then on; without it at the market.")
    ] = None,
    trail: Annotated[
        str | None, typer.Option("--trail", help="Follow the market at this distance instead.")
    ] = None,
    name: Name = None,
    preview: Preview = False,
    is_json: Json = False,
) -> None:
    """Buy or sell once the market comes to a price that is worse."""
    if (at is None) == (trail is None):
        raise typer.BadParameter("give --at or --trail")
    terms = _terms(
        quantity=quantity,
        stop_price=at,
        trail_price=trail,
        price=price,
        client_order_id=name,
    )
    _place(context, market, _side(side), terms, preview=preview, is_json=is_json)


def oco(
    context: typer.Context,
    market: Market,
    side: SideWord,
    quantity: Much,
    *,
    price: Annotated[str, typer.Option("--price", help="The limit order's price.")],
    stop_at: Annotated[str, typer.Option("--stop", help="The price that the stop waits for.")],
    stop_price: Annotated[
        str | None, typer.Option("--stop-price", help="The stop's limit; without: at the market.")
    ] = None,
    is_json: Json = False,
) -> None:
    """Place a limit order and a stop, of which one cancels the other."""
    both: ListedOrder = {"side": _side(side), "quantity": quantity}
    legs: list[ListedOrder] = [
        {**both, "price": price},
        {**both, "stop_price": stop_at, "price": stop_price},
    ]
    with client_of(context, is_json) as (session, client):
        placed = client.place_order_list("OCO", symbol(market), legs)
        if session.is_json:
            session.show(placed)
        else:
            session.note(f"list {placed.list_.id}: {placed.list_.status}")
            session.show_rows(placed.orders, COLUMNS)


def show(context: typer.Context, order_id: str, is_json: Json = False) -> None:
    """Show an order, whatever became of it."""
    with client_of(context, is_json) as (session, client):
        session.show(client.order(order_id))


def orders(
    context: typer.Context,
    market: InMarket = None,
    status: Annotated[
        str, typer.Option("--status", help="Open, or New, Filled, ... (several by commas), or all.")
    ] = "Open",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1)] = 100,
    is_json: Json = False,
) -> None:
    """List your orders, newest first: those that are open, or others."""
    name = None if market is None else symbol(market)
    with client_of(context, is_json) as (session, client):
        found = client.orders(
            name, status=None if status.lower() == "all" else status, page=min(limit, 500)
        )
        session.show_rows(found.take(limit), COLUMNS)


def fills(
    context: typer.Context,
    market: InMarket = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1)] = 50,
    is_json: Json = False,
) -> None:
    """List your side of your trades, newest first."""
    name = None if market is None else symbol(market)
    with client_of(context, is_json) as (session, client):
        session.show_rows(client.fills(name, page=min(limit, 500)).take(limit), FILL_COLUMNS)


def cancel(
    context: typer.Context,
    order_ids: Annotated[list[str] | None, typer.Argument(help="Orders, by their ids.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All open orders.")] = False,
    market: InMarket = None,
    side: Annotated[str | None, typer.Option("--side", help="With --all: of this side.")] = None,
    is_json: Json = False,
) -> None:
    """Cancel orders, or all that are open."""
    if bool(order_ids) == everything:
        raise typer.BadParameter("give orders, or --all")
    with client_of(context, is_json) as (session, client):
        if not everything:
            session.show_rows([client.cancel_order(one) for one in order_ids or ()], COLUMNS)
            return
        name = None if market is None else symbol(market)
        items = client.cancel_all(name, side=None if side is None else _side(side))
        _show_cancelled(session, items)


def _show_cancelled(session: Session, items: list[BatchItem]) -> None:
    session.show_rows([item.order for item in items if item.order is not None], COLUMNS)
    failed = [item.error for item in items if item.error is not None]
    for error in failed:
        session.note(f"not cancelled: {error.message}")
    if failed:
        raise typer.Exit(USAGE + 1)


def _place(
    context: typer.Context,
    market: str,
    side: Side,
    terms: OrderTerms,
    *,
    preview: bool,
    is_json: bool,
) -> None:
    with client_of(context, is_json) as (session, client):
        if preview:
            session.show(client.preview_order(symbol(market), side, **terms))
            return
        placed = client.place_order(symbol(market), side, **terms)
        if session.is_json:
            session.show(placed)
        else:
            _tell(session, placed)


def _tell(session: Session, placed: OrderPlaced) -> None:
    order: Order = placed.order
    session.show_rows([order], COLUMNS)
    if order.average_fill_price is not None:
        session.note(f"filled {order.filled_quantity:f} at {order.average_fill_price:f}")
    if order.reason is not None:
        session.note(f"{order.status}: {order.reason}")


def _side(text: str) -> Side:
    try:
        return {"buy": Side.BUY, "sell": Side.SELL}[text.lower()]
    except KeyError:
        raise typer.BadParameter(f"expected buy or sell, not {text}") from None


def _terms(**values: Any) -> OrderTerms:
    terms: OrderTerms = {}
    for name, value in values.items():
        if value is not None:
            terms[name] = value  # type: ignore[literal-required]
    return terms
