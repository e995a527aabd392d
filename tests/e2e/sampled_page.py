"""What a page shows, sample by sample, held against what was true at the time.

A sample is wrong where it shows what was not true at any moment of the second before it. The page
may be wrong for as long as it says so, by the mark of the panel or by showing nothing at all; and
for a second without.
"""

import re
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final, NamedTuple

import httpx

PERIOD_MS: Final = 50
# For how long a number may be wrong without a mark.
WRONG_MAX_S: Final = 1.0
LEVELS: Final = 3
# Which mark stands for what is shown, where that has another name.
MARKS: Final = {"orders": "account", "balance": "account"}
FIGURE: Final = re.compile(r"[\d,]*\.?\d+")

# Keeps what the page shows and which parts it marks, with the time of the machine's clock.
SAMPLE: Final = """
([period, levels]) => {
  const text = (selector) => document.querySelector(selector)?.textContent ?? "";
  const side = (id) => [...document.querySelectorAll(`#${id} .level`)].slice(0, levels)
    .map(({dataset}) => [dataset.price, dataset.quantity]);
  window.samples = [];
  window.sampler = setInterval(() => window.samples.push({
    at: (performance.timeOrigin + performance.now()) / 1000,
    old: document.getElementById("trade").dataset.old ?? "",
    shown: {
      book: [side("bids"), side("asks")],
      ticker: text("#ticker-last"),
      tape: [...document.querySelectorAll("#tape .tape-row:first-child .num")].slice(0, 2)
        .map((cell) => cell.textContent),
      // Told by two channels, and drawn as each of them comes.
      orders: text("#open-count") || "0",
      balance: text("#available"),
    },
  }), period);
}
"""


class Fact(NamedTuple):
    """What was true between two moments, by the part of the page that shows it."""

    since: float
    until: float
    parts: dict[str, Any]


class Wrong(NamedTuple):
    """A sample that shows what is not true any more."""

    at: float
    part: str
    shown: Any
    is_marked: bool
    for_s: float


class Truth:
    """The facts of a market and an account, read after each change of them."""

    def __init__(self, client: httpx.Client, account: str, market: str) -> None:
        self._client = client
        self._account = account
        self._market = market
        self.facts: list[Fact] = []
        self.change(lambda: None)

    def change(self, act: Callable[[], Any]) -> None:
        """Do something, and note what is so from then on."""
        began = time.time()
        act()
        parts = self._read()
        now = time.time()
        if self.facts:
            self.facts[-1] = self.facts[-1]._replace(until=now)
        self.facts.append(Fact(began, float("inf"), parts))

    def _read(self) -> dict[str, Any]:
        market = f"/markets/{self._market}"
        book = self._data(f"{market}/order-book?depth={LEVELS}")
        trades = self._data(f"{market}/trades?limit=1")["trades"]
        orders = self._data(f"/accounts/{self._account}/orders?status=Open&limit=500")
        balances = self._data(f"/accounts/{self._account}/balances")
        quote = self._market.split("-")[1]
        available = next(one["available"] for one in balances if one["asset"] == quote)
        return {
            "book": [[[_plain(text) for text in row] for row in book[s]] for s in ("bids", "asks")],
            "ticker": _plain(self._data(f"{market}/ticker")["last"] or "0"),
            "tape": [_plain(trades[0][name]) for name in ("price", "quantity")] if trades else [],
            "orders": str(len(orders)),
            "balance": _plain(available),
        }

    def _data(self, path: str) -> Any:
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def is_now(self, sample: dict[str, Any]) -> bool:
        """Tell whether a sample shows all that is so now."""
        now = self.facts[-1].parts
        return all(
            _figures(now[part]) == _figures(shown) for part, shown in sample["shown"].items()
        )

    def wrong_of(self, samples: Iterable[dict[str, Any]]) -> list[Wrong]:
        """Return the samples, by their parts, that show what has not been true for a second."""
        runs: dict[str, _Run] = {}
        found = []
        for sample in samples:
            at, marks = sample["at"], sample["old"].split()
            recent = [
                fact for fact in self.facts if fact.until >= at - WRONG_MAX_S and fact.since <= at
            ]
            for part, value in sample["shown"].items():
                shown, run = _figures(value), runs.setdefault(part, _Run())
                is_right = shown is None or any(fact.parts[part] == shown for fact in recent)
                run.go_on(at, shown, is_right=is_right)
                if run.since is not None:
                    is_marked = MARKS.get(part, part) in marks
                    found.append(Wrong(at, part, shown, is_marked, at - run.since))
        return found


class _Run:
    """For how long a part has been wrong without a break."""

    def __init__(self) -> None:
        self.since: float | None = None
        self._shown: Any = None

    def go_on(self, at: float, shown: Any, *, is_right: bool) -> None:
        """Take the next sample in."""
        if is_right:
            self.since = None
        elif self.since is None:
            # What was shown before is wrong since it was true last. What is new, as half of a
            # change that is told in several messages, is so since now.
            self.since = at - WRONG_MAX_S if shown == self._shown else at
        self._shown = shown


def _figures(value: Any) -> Any:
    """Return what is shown as plain figures; None where nothing, or not all of it, is."""
    if isinstance(value, str):
        matched = FIGURE.search(value)
        return _plain(matched[0]) if matched else None
    figures = [_rows(each) if isinstance(each, list) else _figures(each) for each in value]
    return None if None in figures or not any(figures) else figures


def _rows(rows: list[Any]) -> list[list[str]]:
    return [[_plain(text) for text in row] for row in rows]


def _plain(text: str) -> str:
    return f"{Decimal(text.replace(',', '')).normalize():f}"
