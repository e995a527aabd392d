"""Commands about markets: what there is, what it costs, what happens."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zavora.book import BookView
from zavora.cli import output
from zavora.cli.session import (
    Json,
    Market,
    OptionalMarket,
    Session,
    client_of,
    session_of,
    symbol,
)
from zavora.live.feeds import Feed
from zavora.live.stream import AsyncStream
from zavora.models import OrderBook

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on as it changes, until Ctrl-C.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, at most.")]
MARKET_COLUMNS = (
    "symbol",
    "state",
    "price_tick",
    "quantity_step",
    "min_order_size",
    "maker_fee",
    "taker_fee",
)
TICKER_COLUMNS = (
    "market",
    "bid",
    "ask",
    "last",
    "change_24h_percent",
    "high_24h",
    "low_24h",
    "volume_24h",
)
TRADE_COLUMNS = ("timestamp", "taker_side", "price", "quantity", "id")
CANDLE_COLUMNS = ("open_time", "open", "high", "low", "close", "volume", "trades")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("markets", markets),
        ("ticker", ticker),
        ("book", book),
        ("trades", trades),
        ("candles", candles),
        ("status", status),
    ):
        app.command(name, rich_help_panel="Markets")(command)


def markets(context: typer.Context, market: OptionalMarket = None, is_json: Json = False) -> None:
    """List the markets and their rules, or show one."""
    with client_of(context, is_json) as (session, client):
        if market is None:
            session.show_rows(client.markets(), MARKET_COLUMNS)
        else:
            session.show(client.market(symbol(market)))


def ticker(
    context: typer.Context,
    market: OptionalMarket = None,
    watch: Watch = False,
    is_json: Json = False,
) -> None:
    """Show the last 24 hours of a market, or of all."""
    name = None if market is None else symbol(market)
    if watch:
        session = session_of(context, is_json)
        _watch(session, lambda stream: stream.tickers(name), _ticker_line)
        return
    with client_of(context, is_json) as (session, client):
        if name is None:
            session.show_rows(client.tickers(), TICKER_COLUMNS)
        else:
            session.show(client.ticker(name))


def book(
    context: typer.Context,
    market: Market,
    depth: Annotated[int, typer.Option("--depth", "-d", min=1, max=1000)] = 10,
    watch: Watch = False,
    is_json: Json = False,
) -> None:
    """Show a market's book."""
    if watch:
        session = session_of(context, is_json)
        asyncio.run(_watch_book(session, symbol(market), depth))
        return
    with client_of(context, is_json) as (session, client):
        found = client.order_book(symbol(market), depth)
        if session.is_json:
            session.show(found)
        else:
            session.console.print(book_table(found, depth))


def trades(
    context: typer.Context,
    market: Market,
    limit: Limit = 20,
    watch: Watch = False,
    is_json: Json = False,
) -> None:
    """List a market's trades, newest first; watching, as they come."""
    name = symbol(market)
    if watch:
        _watch(session_of(context, is_json), lambda stream: stream.trades(name), _trade_line)
        return
    with client_of(context, is_json) as (session, client):
        session.show_rows(client.trades(name, page=min(limit, 500)).take(limit), TRADE_COLUMNS)


def candles(
    context: typer.Context,
    market: Market,
    *,
    interval: Annotated[str, typer.Option("--interval", "-i", help="1s 1m 5m 1h 1d ...")] = "1h",
    start: Annotated[datetime | None, typer.Option(help="From when on (UTC).")] = None,
    end: Annotated[datetime | None, typer.Option(help="Until when (UTC).")] = None,
    limit: Limit = 24,
    is_json: Json = False,
) -> None:
    """List a market's candles, newest first."""
    with client_of(context, is_json) as (session, client):
        found = client.candles(
            symbol(market), interval, start=utc(start), end=utc(end), page=min(limit, 1500)
        )
        session.show_rows(found.take(limit), CANDLE_COLUMNS)


def status(context: typer.Context, is_json: Json = False) -> None:
    """Tell how the exchange is, and who asks."""
    with client_of(context, is_json) as (session, client):
        health = client.health()
        if session.is_json:
            session.show(health)
            return
        profile = session.profile()
        session.note(f"{profile.url}: {health.status}, version {health.version}")
        services = health.services
        for name in services.__struct_fields__:
            one = getattr(services, name)
            session.note(f"  {name.replace('_', ' ')}: {one.status}, {one.latency_ms:g} ms")
        session.note(f"  markets: {health.markets.active} of {health.markets.total} trade")
        session.note(f"asking as {profile.kind}")


def utc(moment: datetime | None) -> datetime | None:
    """Return a time of the command line, which is UTC where it does not say otherwise."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)


def book_table(view: BookView | OrderBook, depth: int) -> Table:
    """Return a book as a table: asks above, the best of both sides in the middle."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column("price", justify="right")
    made.add_column("quantity", justify="right")
    for price, quantity in reversed(view.asks[:depth]):
        made.add_row(Text(f"{price:f}", style=output.DOWN), f"{quantity:f}")
    made.add_row(Text(f"#{view.sequence}", style="dim"), Text(view.market, style="bold"))
    for price, quantity in view.bids[:depth]:
        made.add_row(Text(f"{price:f}", style=output.UP), f"{quantity:f}")
    return made


async def _watch_book(session: Session, market: str, depth: int) -> None:
    async with session.async_client() as client, client.stream() as stream:
        feed = stream.book(market, depth=depth)
        if session.is_json or not session.console.is_terminal:
            async for view in feed:
                shown = {name: getattr(view, name) for name in view.__slots__}
                if session.is_json:
                    session.line(output.as_json(shown))
                else:
                    session.console.print(book_table(view, depth))
            return
        with Live(console=session.console, auto_refresh=False, transient=False) as live:
            async for view in feed:
                live.update(book_table(view, depth), refresh=True)


def _watch(
    session: Session,
    follow: Callable[[AsyncStream], Feed[Any]],
    spell: Callable[[Any], RenderableType],
) -> None:
    async def watched() -> None:
        async with session.async_client() as client, client.stream() as stream:
            async for item in follow(stream):
                if session.is_json:
                    session.line(output.as_json(item))
                else:
                    session.console.print(spell(item))

    asyncio.run(watched())


def _trade_line(trade: Any) -> RenderableType:
    style = output.UP if trade.taker_side == "buy" else output.DOWN
    time = trade.timestamp.astimezone().strftime("%H:%M:%S.%f")[:-3]
    return Text.assemble(f"{time}  ", (f"{trade.price:f}", style), f"  {trade.quantity:f}")


def _ticker_line(found: Any) -> RenderableType:
    figures = [found.bid, found.ask, found.last, found.volume_24h]
    shown = "  ".join("-" if figure is None else f"{figure:f}" for figure in figures)
    return Text.assemble((f"{found.market:<12}", "bold"), shown)
