"""The words of an order in book notation (``notation``): how they are read."""

import re
from collections.abc import Iterator
from typing import Any

from matching.engine.orders import UNCONDITIONAL, Conditions, OrderTerms

SECOND_US = 1_000_000
ORDER = re.compile(
    r"(?:(?P<account>\w+): )?(?P<side>buy|sell) "
    r"(?:for (?P<budget>[\d.]+)|(?P<lots>\d+) (?:@ (?P<price>\d+)|market))(?P<words>.*)"
)
WORD = re.compile(
    r" (?:(?P<flag>ioc|fok|day|post-only|slide)|gtd (?P<gtd>\d+)|show (?P<show>\d+)"
    r"|self (?P<self_trade>\w+)|protect (?P<protect>\d+)"
    r"|(?P<kind>stop|take-profit)(?: (?P<trigger>\d+))?|trail (?P<ticks>\d+)|trail (?P<bps>\d+)bps"
    r"|from (?P<activation>\d+)|by (?P<reference>last|opposite)|#(?P<name>\w+))(?= |$)"
)


def several(orders: str) -> Iterator[str]:
    """Yield orders one by one; of ``65 x sell 1 @ 99 #a`` 65, named ``#a1``, ``#a2``, ..."""
    for text in filter(None, orders.split("; ")):
        count, times, order = text.rpartition(" x ")
        if not times:
            yield order
        for number in range(1, int(count or 0) + 1):
            yield re.sub(r"(#\w+)", rf"\g<1>{number}", order)


def read_terms(found: re.Match[str]) -> OrderTerms:
    """Return the terms of an order that ``ORDER`` has found."""
    budget, price = found["budget"], found["price"]
    flags, values = _words(found["words"])
    times = [flag for flag in ("ioc", "fok", "day") if flag in flags]
    if "gtd" in values:
        times.append("gtd")
    side: Any = found["side"]
    time_in_force: Any = times[0] if times else "gtc" if price else "ioc"
    return OrderTerms(
        int(budget.replace(".", "")) if budget else None,
        side,
        "limit" if price else "market",
        time_in_force,
        "post-only" in flags,
        values.get("name"),
        _conditions(flags, values),
    )


def _words(text: str) -> tuple[set[str], dict[str, str]]:
    """Return an order's flags, and its other words with their values."""
    flags: set[str] = set()
    values: dict[str, str] = {}
    position = 0
    while position < len(text):
        found = WORD.match(text, position)
        assert found, text[position:]
        position = found.end()
        values |= {name: value for name, value in found.groupdict().items() if value is not None}
        flags.add(values.pop("flag", ""))
    return flags, values


def _conditions(flags: set[str], values: dict[str, str]) -> Conditions:
    figures = {name: int(text) for name, text in values.items() if text.isdigit()}
    trails = "ticks" in figures or "bps" in figures
    kind: Any = values.get("kind", "stop" if trails else None)
    self_trade: Any = values.get("self_trade")
    trigger_by: Any = values.get("reference", "last")
    conditions = Conditions(
        self_trade,
        figures["gtd"] * SECOND_US if "gtd" in figures else None,
        "slide" in flags,
        figures.get("show"),
        figures.get("protect"),
        kind and kind.replace("-", "_"),
        trigger_by,
        *(figures.get(name) for name in ("trigger", "ticks", "bps", "activation")),
    )
    return UNCONDITIONAL if conditions == UNCONDITIONAL else conditions
