"""Records the command line for the docs: its help, a session, `zavora top`, as pictures (SVG).

``make client-recordings`` starts an exchange of its own for it and writes docs/clients/*.svg.
"""

import asyncio
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

CLIENT: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(CLIENT / "tests"))

from hosted import CHECKOUT, HostedExchange  # noqa: E402
from zavora import AsyncClient, Client  # noqa: E402
from zavora.cli.top import Screen  # noqa: E402

PICTURES: Final = CHECKOUT / "docs/clients"
WIDTH: Final = 100
TOP_LINES: Final = 30
MARKET: Final = "ETH/EUR"
# Rich's pictures ask a server for their font; a reader's own does as well.
FONT_FACE: Final = re.compile(r"@font-face \{.*?\}", re.DOTALL)
SESSION: Final = (
    "zavora ticker ETH/EUR",
    "zavora order buy ETH/EUR 0.5 --price 1999.50 --client-id first",
    "zavora order stop ETH/EUR sell 1 --at 1900",
    "zavora orders",
    "zavora book ETH/EUR --depth 3",
    "zavora order buy ETH/EUR 1 --price 2000.001",
    "zavora cancel --all --json | jq length",
)


def picture(console: Console, name: str, title: str) -> None:
    """Write what a console has recorded."""
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id=name)
    text = "\n".join(line.rstrip() for line in FONT_FACE.sub("", svg).splitlines())
    (PICTURES / f"zavora-{name}.svg").write_text(text + "\n")


def recorder(lines: int | None = None) -> Console:
    """Return a console that records, and shows nothing."""
    return Console(
        record=True,
        width=WIDTH,
        height=lines,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )


def shown_by(command: str, environment: dict[str, str]) -> Text:
    """Return what a command of the shell shows, with its colours."""
    program = f'"{sys.executable}" -m zavora.cli.main '
    count = f'"{sys.executable}" -c "import json, sys; print(len(json.load(sys.stdin)))"'
    line = re.sub(r"^zavora ", lambda _: program, command).replace("jq length", count)
    done = subprocess.run(
        ["sh", "-c", line],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Text.from_ansi(done.stdout.rstrip("\n"))


def record_commands(environment: dict[str, str]) -> None:
    """Record the help, and a session."""
    console = recorder()
    console.print(shown_by("zavora --help", environment))
    picture(console, "help", "zavora --help")
    console = recorder()
    for command in SESSION:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        console.print(shown_by(command, environment))
    picture(console, "session", "a session")


async def record_top(exchange: HostedExchange, credential: Any) -> None:
    """Record what `zavora top` draws."""
    async with AsyncClient(exchange.url, credential) as client, client.stream() as stream:
        screen = Screen(MARKET)
        screen.link = "live"
        screen.orders = stream.orders()
        screen.trades.extend(await client.trades(MARKET).take(50))
        screen.book = await stream.book(MARKET, depth=100).next(10)
        screen.ticker = await client.ticker(MARKET)
        while not screen.orders.open_orders:
            await screen.orders.next(10)
        console = recorder(TOP_LINES)
        console.print(screen)
        picture(console, "top", "zavora top ETH/EUR")


def fill_market(maker: Client, taker: Client) -> None:
    """Give the market a book, and some trades."""
    for level in range(1, 13):
        size = f"{1 + level * 0.37:.4f}"
        maker.place_order(MARKET, "buy", quantity=size, price=f"{2000 - level * 0.5:.2f}")
        maker.place_order(MARKET, "sell", quantity=size, price=f"{2000 + level * 0.5:.2f}")
    for number in range(1, 15):
        side = "sell" if number % 3 else "buy"
        taker.place_order(MARKET, side, quantity=f"0.{number:02d}")


def main() -> None:
    """Start an exchange and record."""
    with HostedExchange() as exchange, tempfile.TemporaryDirectory() as folder:
        exchange.market(MARKET, "--tick-size", "0.01", "--lot-size", "0.0001")
        keys = exchange.signing_key(), exchange.signing_key()
        with Client(exchange.url, keys[0]) as maker, Client(exchange.url, keys[1]) as taker:
            fill_market(maker, taker)
            environment = {
                **os.environ,
                "PYTHONPATH": str(CLIENT / "src"),
                "ZAVORA_URL": exchange.url,
                "ZAVORA_KEY": keys[1][0],
                "ZAVORA_SECRET": keys[1][1],
                "XDG_CONFIG_HOME": folder,
                "COLUMNS": str(WIDTH),
                "FORCE_COLOR": "1",
                "TERM": "xterm-256color",
            }
            record_commands(environment)
            taker.place_order(MARKET, "buy", quantity="0.75", price="1998")
            taker.place_order(MARKET, "sell", quantity="0.5", price="2003.25")
            asyncio.run(record_top(exchange, taker.settings.credential))


if __name__ == "__main__":
    main()
