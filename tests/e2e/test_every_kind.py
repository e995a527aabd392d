"""Every kind of order that there is: placed by the form, dragged, edited in its row, cancelled.

One page load a size. All kinds at all sizes take minutes: ``make page-test``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.trader import Trader
from tests.exchange import Exchange
from tests.own_markets import OwnMarket, new_asset

NewVisitor = Callable[..., Trader]
SIZES = ((1440, 900), (1024, 768), (390, 844))
ARE_ALL = os.environ.get("ZAVORA_PAGE_ALL", "") == "1"
MARKET = "SOL-EUR"
UNTIL = "2190-01-31T12:00"
# How far a grip is dragged: some ticks of the range that the chart shows.
DRAG_PX = 18
IN_A_LIST = "in a list with another open order"


class Kind(NamedTuple):
    """A kind of order: what is chosen and typed for it, and what the API then says of it.

    ``moved``: its figure that a drag and an edit of its row change; empty where none may be, and
    why is told (``fixed``) or it does not stay open.
    """

    name: str
    side: str
    fields: dict[str, str]
    says: dict[str, str | bool | None]
    moved: str = "price"
    fixed: str = ""

    @property
    def group(self) -> str:
        """Which of the form's three groups has it."""
        if "kind" in self.fields:
            return "Trigger"
        return "Limit" if "price" in self.fields else "Market"


def _limit(name: str, side: str, price: str, says: dict[str, Any], **fields: str) -> Kind:
    return Kind(name, side, {"price": price, "quantity": "1", **fields}, says)


def _waits(name: str, kind: str, side: str, says: dict[str, Any], **fields: str) -> Kind:
    figures = {"kind": kind, "quantity": "1", **fields}
    return Kind(name, side, figures, {"status": "Pending", **says}, "stop_price")


# The last price is 1,000; bids stand at 900 and asks at 1,100, with plenty at each.
RESTING = (
    _limit("limit", "Buy", "980", {"time_in_force": "GTC"}),
    _limit("post-only", "Sell", "1020", {"post_only": True}, post_only="1"),
    _limit(
        *("sliding post-only", "Buy", "1100", {"post_only": True, "price": "1099.99"}),
        post_only="1",
        post_only_mode="Slide",
    ),
    _limit(
        "until a time", "Sell", "1030", {"time_in_force": "GTD"}, time_in_force="GTD", until=UNTIL
    ),
    _limit("day", "Buy", "970", {"time_in_force": "Day"}, time_in_force="Day"),
    _limit("iceberg", "Sell", "1040", {"display_quantity": "0.25"}, show="0.25"),
)
WAITING = (
    _waits("stop", "Stop", "Sell", {"order_type": "Stop"}, stop="950"),
    _waits("stop to buy", "Stop", "Buy", {"order_type": "Stop"}, stop="1050"),
    _waits("stop limit", "StopLimit", "Sell", {"price": "940"}, stop="950", price="940"),
    _waits("take profit", "TakeProfit", "Sell", {"order_type": "TakeProfit"}, stop="1060"),
    _waits(
        *("take profit limit", "TakeProfitLimit", "Buy", {"price": "960"}),
        stop="950",
        price="960",
    ),
    _waits(
        "trailing stop", "TrailingStop", "Sell", {"order_type": "TrailingStop"}, trail="5"
    )._replace(moved="", fixed="it has no price of its own that could be moved"),
)
PAIR = {"profit": "1070", "loss": "930"}
LISTS = (
    Kind(
        "one cancels the other", "Sell", {"kind": "OCO", "quantity": "1", **PAIR}, {}, "", IN_A_LIST
    ),
    Kind(
        *("entry with a take profit", "Buy"),
        {"price": "985", "quantity": "1", "exits": "1", "profit": "1075"},
        *({}, "", IN_A_LIST),
    ),
    Kind(
        *("entry with both exits", "Buy", {"price": "985", "quantity": "1", "exits": "1", **PAIR}),
        *({}, "", IN_A_LIST),
    ),
)
FILLED = {"status": "Filled"}
AT_ONCE = (
    _limit("immediate or cancel", "Buy", "1100", FILLED, time_in_force="IOC"),
    _limit("fill or kill", "Sell", "900", FILLED, time_in_force="FOK"),
    Kind("market by quantity", "Buy", {"measure": "quantity", "quantity": "1"}, FILLED),
    Kind("market by amount", "Sell", {"measure": "amount", "total": "900"}, FILLED),
    Kind(
        *("market with a worst price", "Sell"),
        {"measure": "quantity", "quantity": "1", "protection": "899"},
        FILLED,
    ),
)
KINDS = (*RESTING, *WAITING, *LISTS, *AT_ONCE)
LIST_KINDS = {kind.name for kind in LISTS}
# Which fields have to be unfolded first, and which are chosen from a list.
ADVANCED = {"show", "protection"}
CHOSEN = ("time_in_force", "post_only_mode", "kind")


@pytest.fixture(scope="module")
def market(exchange: Exchange) -> str:
    """A market of its own, with cents and hundredths."""
    exchange.manage("shell", "-c", new_asset("SOL"))
    exchange.create_market(OwnMarket.PAGE_KINDS, "--tick-size", "0.01", "--lot-size", "0.01")
    return MARKET


@pytest.fixture
def people(visitor: NewVisitor, market: str) -> tuple[Trader, Trader]:
    """Two with funds; one of them stands on both sides, and they have traded at 1,000 last."""
    person, other = visitor(market=market).sign_up(), visitor(market=market).sign_up()
    for one in (person, other):
        one.deposit("EUR", "1000000")
        one.deposit("SOL", "1000")
    for price in ("900", "1100", "1000"):
        other.place_limit("Sell", "0.01", price)
        expect(person.level("asks", price)).to_be_visible()
        person.place_limit("Buy", "0.01", price)
    other.place_limit("Buy", "500", "900")
    other.place_limit("Sell", "500", "1100")
    expect(person.level("bids", "900")).to_have_attribute("data-quantity", "500")
    return person, other


@pytest.mark.trial
@pytest.mark.parametrize("number", range(len(SIZES)), ids=[str(width) for width, _ in SIZES])
def test_every_kind_is_placed_moved_edited_and_cancelled(
    people: tuple[Trader, Trader], number: int
) -> None:
    person, _ = people
    page = person.page
    width, height = SIZES[number]
    page.set_viewport_size({"width": width, "height": height})
    person.open()
    kinds = KINDS if ARE_ALL else KINDS[number :: len(SIZES)]
    for kind in kinds:
        _place(person, kind)
        if kind.name in LIST_KINDS:
            _is_cancelled_as_one(person, kind)
        elif kind in AT_ONCE:
            assert _newest(person).items() >= kind.says.items(), kind.name
        else:
            order = _newest(person)
            for name, value in kind.says.items():
                assert _same(order[name], value), (kind.name, name, order[name])
            _amend_by_dragging(person, kind, order)
            _amend_in_its_row(person, kind, order)
            _cancel(person, order)
    assert person.overflow_px() == 0


def _same(read: object, said: str | bool | None) -> bool:
    if isinstance(said, str) and said[:1].isdigit():
        return Decimal(str(read)) == Decimal(said)
    return read == said


def _newest(person: Trader) -> dict[str, Any]:
    newest: dict[str, Any] = person.api(f"/accounts/{person.account_id()}/orders?limit=1")[0]
    return newest


def _read(person: Trader, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = person.api(f"/orders/{order['id']}")
    return found


def _view(page: Page, name: str) -> None:
    """Show a view of a phone; wider pages show all of them."""
    tab = page.locator("#views").get_by_role("tab", name=name)
    if tab.is_visible():
        tab.click()


def _place(person: Trader, kind: Kind) -> None:
    """Choose and type what a kind has, all else plain, and send it."""
    page = person.page
    _view(page, "Trade")
    page.locator("#order-side").get_by_role("radio", name=kind.side).click()
    page.locator("#order-type").get_by_role("radio", name=kind.group).click()
    fields = dict(kind.fields)
    if kind.group == "Limit":
        page.locator("#exits").set_checked(bool(fields.pop("exits", "")))
        page.locator("#time-in-force").select_option(fields.get("time_in_force", "GTC"))
        if "IOC" not in kind.fields.values() and "FOK" not in kind.fields.values():
            page.locator("#post-only").set_checked(bool(fields.pop("post_only", "")))
    for field in CHOSEN:
        if value := fields.pop(field, ""):
            page.locator(f"#{field.replace('_', '-')}").select_option(value)
    measure = fields.pop("measure", "quantity")
    choice = page.locator(f'#order-measure [data-value="{measure}"]')
    if choice.is_visible():
        choice.click()
    for field, value in fields.items():
        box = page.locator(f"#{field}")
        if field in ADVANCED and not box.is_visible():
            page.locator("#advanced summary").click()
        box.fill(value)
    person.submit()
    emptied = "#total" if "total" in kind.fields else "#quantity"
    expect(page.locator(emptied), kind.name).to_have_value("")


def _grip(page: Page) -> Locator:
    return page.locator("#chart-grips").get_by_role("slider")


def _amend_by_dragging(person: Trader, kind: Kind, order: dict[str, Any]) -> None:
    """Move the order's grip in the chart and let it go; what stands at no price has none."""
    page, grip = person.page, _grip(person.page)
    _view(page, "Trade")
    if kind.fixed:
        expect(grip, kind.name).to_have_count(0)
        return
    expect(grip, kind.name).to_have_count(1)
    expect(page.locator("#chart-legend")).not_to_be_empty()
    grip.hover(position={"x": 9, "y": 9})
    box = grip.bounding_box()
    assert box is not None
    # Away from what it would trade with or be triggered by.
    is_down = kind.side == "Buy" if kind.moved == "price" else Decimal(order[kind.moved]) < 1000
    down_px = DRAG_PX if is_down else -DRAG_PX
    page.mouse.down()
    page.mouse.move(box["x"] + 9, box["y"] + 9 + down_px, steps=4)
    expect(page.locator("#chart-grips .grip.moving"), kind.name).to_have_count(1)
    price = grip.get_attribute("aria-valuenow")
    page.mouse.up()
    expect(page.locator("#chart-grips .grip.moving"), kind.name).to_have_count(0)
    assert price is not None
    assert Decimal(price) != Decimal(order[kind.moved])
    assert Decimal(_read(person, order)[kind.moved]) == Decimal(price), kind.name


def _amend_in_its_row(person: Trader, kind: Kind, order: dict[str, Any]) -> None:
    """Type another price into the row of the order."""
    page = person.page
    _view(page, "Orders")
    row = page.locator(f'#panel-open tr[data-key="{order["id"]}"]')
    edit = row.get_by_role("button", name="Edit")
    if kind.fixed:
        expect(edit).to_have_count(0)
        return
    edit.click()
    label = "Trigger" if kind.moved == "stop_price" else "Price"
    price = "955.5" if Decimal(order[kind.moved]) < 1000 else "1055.5"
    row.get_by_label(label).fill(price)
    expect(row.locator('[data-label="Status"]')).to_contain_text(
        "place" if label == "Trigger" else "back"
    )
    row.get_by_label(label).press("Enter")
    expect(row.get_by_role("button", name="Save"), kind.name).to_have_count(0)
    assert Decimal(_read(person, order)[kind.moved]) == Decimal(price), kind.name


def _cancel(person: Trader, order: dict[str, Any]) -> None:
    row = person.page.locator(f'#panel-open tr[data-key="{order["id"]}"]')
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_have_count(0)
    assert _read(person, order)["status"] == "Cancelled"


def _is_cancelled_as_one(person: Trader, kind: Kind) -> None:
    """A list's orders keep together: none is moved alone, and its row cancels them all."""
    page = person.page
    grip = _grip(page)
    expect(grip.first, kind.name).to_have_attribute("title", f"Cannot be moved: {kind.fixed}")
    _view(page, "Orders")
    rows = page.locator("#panel-open tbody tr")
    count = 1 + sum(one in kind.fields for one in ("price", "profit", "loss"))
    expect(rows, kind.name).to_have_count(count)
    expect(rows.get_by_role("button", name="Edit")).to_have_count(0)
    rows.get_by_role("button", name="Cancel").click()
    expect(rows).to_have_count(0)
    assert _newest(person)["status"] == "Cancelled"
