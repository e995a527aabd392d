"""Every page in every look: axe-core and the browser find nothing, and Tab reaches everything.

Nothing is fetched twice, and each text comes compressed. One browser context a visitor; theme and
size change without a reload. A plain run looks at each page by all rules in two looks, by those of
colours in two more; ``make page-test`` by all in six.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, Response, expect

from api.transport.compression import BYTES_MIN
from tests.e2e.accessibility import (
    ALL_LOOKS,
    set_look,
    violations_in,
    violations_in_all_looks,
)
from tests.e2e.keyboard import faults_of_walk
from tests.e2e.pages import FOR_EVERYBODY, FOR_USERS, Shown
from tests.e2e.trader import DESKTOP, Trader

pytestmark = pytest.mark.usefixtures("exchange")

NewVisitor = Callable[..., Trader]
ARE_ALL = os.environ.get("ZAVORA_PAGE_ALL", "") == "1"
LIVE = {"/", "/trade/BTC-EUR"}
# Its hundreds of operations differ in their words alone; tests/e2e/test_accessibility.py has them.
LONG = {"/api/docs"}
PARTS = 3
TEXT = re.compile(r"text/|application/(json|javascript|manifest)|image/svg")


class Complaints:
    """What a browser complains of while a page is loaded and looked at."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        self._expected: tuple[str, int] | None = None
        self._answers: list[Response] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"script error: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def expect(self, address: str, status: int) -> None:
        """Let a page itself be answered with a status; nothing else may."""
        self._expected = (address, status)
        self._answers.clear()

    def of_answers(self) -> list[str]:
        """Return what was fetched twice, and which texts came as they are."""
        asked = Counter(one.url for one in self._answers if one.request.method == "GET")
        twice = [f"fetched {count} times: {url}" for url, count in asked.items() if count > 1]
        plain = [f"not compressed: {one.url}" for one in self._answers if _is_plain_text(one)]
        return twice + plain

    def _console(self, message: ConsoleMessage) -> None:
        # Chromium's own line about an answer says no more than the answer.
        is_own_line = message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not is_own_line:
            self.found.append(f"console {message.type}: {message.text}")

    def _failed(self, request: Request) -> None:
        # What is under way as a page is left is given up.
        if request.failure != "net::ERR_ABORTED":
            self.found.append(f"failed: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        self._answers.append(response)
        path = "/" + response.url.split("/", 3)[3]
        if response.status >= 400 and (path, response.status) != self._expected:
            self.found.append(f"answered {response.status}: {response.url}")


def _is_plain_text(response: Response) -> bool:
    """Tell whether a text that does not fit into a packet came uncompressed (ADR 19)."""
    headers = response.headers
    if not TEXT.match(headers.get("content-type", "")) or "content-encoding" in headers:
        return False
    length = headers.get("content-length")
    return (len(response.body()) if length is None else int(length)) >= BYTES_MIN


def _look(page: Page) -> list[str]:
    """Return what axe-core finds in all looks."""
    if ARE_ALL:
        return violations_in(page, ALL_LOOKS)
    return violations_in_all_looks(page)


def _walk_through(person: Trader, shown: Iterable[Shown]) -> dict[str, list[str]]:
    """Open one page after the other; return what is wrong with each."""
    page, wrong = person.page, {}
    complaints = Complaints(page)
    for path, status in shown:
        address = path.format(account=person.account_id())
        complaints.expect(address, status)
        answer = page.goto(address)
        assert answer is not None
        found = [] if answer.status == status else [f"answered {answer.status}"]
        if path in LIVE:
            expect(page.locator("#connection")).to_have_attribute("data-state", "live")
            expect(page.locator("#chart-legend, #chart-empty:not([hidden])").first).to_be_attached()
            page.wait_for_load_state("networkidle")
        found += complaints.of_answers()
        if path in LONG:
            found += violations_in(page, ALL_LOOKS[:1])
        else:
            found += _look(page)
            set_look(page, (DESKTOP, "dark"))
            found += faults_of_walk(page)
        found += complaints.found
        complaints.found.clear()
        if found:
            wrong[path] = found
    return wrong


@pytest.mark.parametrize("part", range(PARTS))
def test_pages_for_everybody(visitor: NewVisitor, part: int) -> None:
    assert _walk_through(visitor(), list(FOR_EVERYBODY.values())[part::PARTS]) == {}


@pytest.mark.parametrize("part", range(PARTS))
def test_pages_for_users(visitor: NewVisitor, part: int) -> None:
    # Of what everybody sees, these are other pages to somebody who is logged in.
    pages = [*FOR_USERS.values(), Shown("/"), Shown("/liabilities"), Shown("/nothing", 404)]
    assert _walk_through(visitor().sign_up(), pages[part::PARTS]) == {}
