"""`zavora top`: a market's book, its trades and one's own orders, live in the terminal."""

import asyncio
import contextlib
import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Annotated, Any, Final

import typer
from rich.console import Console, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from zavora.book import BookView
from zavora.cli import output
from zavora.cli.session import Market, Session, session_of, symbol
from zavora.errors import ZavoraError
from zavora.live.private import OrderFeed
from zavora.live.stream import AsyncStream
from zavora.models import PublicTrade, Ticker

FRAMES_A_SECOND: Final = 8
TRADES_MAX: Final = 200
WIDE: Final = 90
HEADER_LINES: Final = 3
FRAME_LINES: Final = 3
QUIT: Final = frozenset({"q", "Q", "\x03", "\x1b"})


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("top", rich_help_panel="Markets")(top)


def top(
    context: typer.Context,
    market: Market,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.1, help="End by itself after a time.")
    ] = None,
) -> None:
    """Watch a market: book, trades, your orders. q quits."""
    session = session_of(context)
    if not session.console.is_terminal:
        raise typer.BadParameter("`top` needs a terminal; `book --watch --json` does not")
    asyncio.run(_run(session, symbol(market), seconds))


class Screen:
    """What is shown, and how: it fits whatever size the terminal has when it is drawn."""

    def __init__(self, market: str) -> None:
        self.market = market
        self.book: BookView | None = None
        self.ticker: Ticker | None = None
        self.trades: deque[PublicTrade] = deque(maxlen=TRADES_MAX)
        self.orders: OrderFeed | None = None
        self.link = "connecting"
        self.trouble: str | None = None

    def __rich_console__(self, console: Console, options: Any) -> Iterator[RenderableType]:
        yield self.layout(options.max_width, options.height or console.size.height)

    def layout(self, width: int, height: int) -> Layout:
        """Return everything in its place: beside each other where there is room."""
        has_orders = self.orders is not None
        below = max(6, height // 4) if has_orders else 0
        middle = max(4, height - HEADER_LINES - below)
        root = Layout()
        parts = [
            Layout(self._header(), size=HEADER_LINES, name="header"),
            Layout(name="middle", size=middle),
        ]
        if has_orders:
            parts.append(Layout(self._orders(below - FRAME_LINES), name="orders"))
        root.split_column(*parts)
        sides = [Layout(self._book(middle - FRAME_LINES), name="book")]
        if width >= WIDE // 2:
            sides.append(Layout(self._trades(middle - FRAME_LINES), name="trades"))
        root["middle"].split_row(*sides)
        return root

    def _header(self) -> RenderableType:
        said = Text.assemble((self.market, "bold"), "  ")
        if (ticker := self.ticker) is not None:
            change = ticker.change_24h_percent
            said.append("-" if ticker.last is None else f"{ticker.last:f}", style="bold")
            if change is not None:
                said.append(f"  {change:+f} %", style=output.DOWN if change < 0 else output.UP)
            for name in ("high_24h", "low_24h", "volume_24h"):
                if (figure := getattr(ticker, name)) is not None:
                    said.append(f"  {name.removesuffix('_24h')} {figure:f}")
        note = self.trouble or self.link
        return Panel(said, title="zavora", title_align="left", subtitle=f"{note} - q quits")

    def _book(self, lines: int) -> RenderableType:
        made = _grid(("price", "right"), ("quantity", "right"), ("sum", "right"))
        if self.book is not None:
            each = max(1, (lines - 1) // 2)
            rows: list[tuple[Any, Any, Any]] = []
            for levels, style in ((self.book.asks, output.DOWN), (self.book.bids, output.UP)):
                total = type(levels[0][1])(0) if levels else None
                side: list[tuple[Any, Any, Any]] = []
                for price, quantity in levels[:each]:
                    total = quantity if total is None else total + quantity
                    side.append((Text(f"{price:f}", style=style), f"{quantity:f}", f"{total:f}"))
                rows += reversed(side) if style == output.DOWN else side
            for row in rows:
                made.add_row(*row)
        number = "" if self.book is None else f" #{self.book.sequence}"
        return Panel(made, title=f"book{number}", title_align="left")

    def _trades(self, lines: int) -> RenderableType:
        made = _grid(("time", "left"), ("price", "right"), ("quantity", "right"))
        for trade in list(self.trades)[: max(0, lines)]:
            style = output.UP if trade.taker_side == "buy" else output.DOWN
            time = trade.timestamp.astimezone().strftime("%H:%M:%S")
            made.add_row(time, Text(f"{trade.price:f}", style=style), f"{trade.quantity:f}")
        return Panel(made, title="trades", title_align="left")

    def _orders(self, lines: int) -> RenderableType:
        made = _grid(
            ("side", "left"),
            ("type", "left"),
            ("price", "right"),
            ("left", "right"),
            ("id", "left"),
        )
        found = [] if self.orders is None else list(self.orders.open_orders.values())
        mine = [order for order in found if order.market == self.market]
        for order in mine[: max(0, lines)]:
            price = order.price or order.stop_price
            made.add_row(
                output.cell(order.side),
                str(order.order_type),
                "" if price is None else f"{price:f}",
                f"{order.remaining_quantity:f}",
                order.id,
            )
        return Panel(made, title=f"your orders ({len(mine)})", title_align="left")


def _grid(*columns: tuple[str, Any]) -> Table:
    made = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    for name, side in columns:
        made.add_column(name, justify=side, no_wrap=True)
    return made


async def _run(session: Session, market: str, seconds: float | None) -> None:
    screen = Screen(market)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(session.async_client())
        stream = await stack.enter_async_context(client.stream())
        screen.trades.extend(await client.trades(market, page=100).take(100))
        has_credential = client.settings.credential is not None
        if has_credential:
            screen.orders = stream.orders()
        quit_asked = await stack.enter_async_context(_pressed(QUIT))
        live = stack.enter_context(
            Live(screen, console=session.console, screen=True, auto_refresh=False)
        )
        tasks = [
            asyncio.create_task(_follow(stream, screen)),
            asyncio.create_task(quit_asked.wait()),
        ]
        try:
            await asyncio.wait_for(_draw(stream, screen, live, tasks), seconds)
        except TimeoutError:
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _draw(
    stream: AsyncStream, screen: Screen, live: Live, tasks: list[asyncio.Task[Any]]
) -> None:
    """Draw at an even pace, until one of the tasks is done."""
    while True:
        screen.link = "live" if stream.is_live else "connecting again"
        live.refresh()
        done, _ = await asyncio.wait(
            tasks, timeout=1 / FRAMES_A_SECOND, return_when=asyncio.FIRST_COMPLETED
        )
        if done:
            for task in done:
                task.result()
            return


async def _follow(stream: AsyncStream, screen: Screen) -> None:
    """Keep what the screen shows up to date."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_follow_market(stream, screen))
        group.create_task(_follow_trades(stream, screen))
        group.create_task(_follow_ticker(stream, screen))
        if screen.orders is not None:
            group.create_task(_follow_orders(screen.orders, screen))


async def _follow_market(stream: AsyncStream, screen: Screen) -> None:
    async for view in stream.book(screen.market, depth=100):
        screen.book = view


async def _follow_trades(stream: AsyncStream, screen: Screen) -> None:
    async for trade in stream.trades(screen.market):
        screen.trades.appendleft(trade)


async def _follow_ticker(stream: AsyncStream, screen: Screen) -> None:
    async for found in stream.tickers(screen.market):
        screen.ticker = found


async def _follow_orders(feed: OrderFeed, screen: Screen) -> None:
    """Read the orders, which the feed keeps; what goes wrong is shown, and the market goes on."""
    try:
        async for _ in feed:
            pass
    except ZavoraError as error:
        screen.trouble = str(error)


@contextlib.asynccontextmanager
async def _pressed(keys: frozenset[str]) -> AsyncIterator[asyncio.Event]:
    """Give an event that is set once one of the keys is pressed; nothing is echoed meanwhile."""
    event = asyncio.Event()
    if not sys.stdin.isatty() or os.name != "posix":
        yield event
        return
    import termios  # noqa: PLC0415 - where there is one
    import tty  # noqa: PLC0415

    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    loop = asyncio.get_running_loop()

    def read() -> None:
        if keys & set(os.read(handle, 64).decode(errors="replace")):
            event.set()

    tty.setcbreak(handle)
    loop.add_reader(handle, read)
    try:
        yield event
    finally:
        loop.remove_reader(handle)
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
