"""What can be chosen of the page, and how much: everything else is refused by name."""

import json
from typing import Any

import pytest

from accounts.people.page_preferences import (
    FAVOURITES_MAX,
    LAYOUTS_MAX,
    SIZE_PX_MAX,
    PageChoices,
    known_choices,
    plain,
    read_choices,
)
from zavora.foundation.errors import ValidationFailed

SIZES = ("markets", "side", "ticket", "tape", "activity")
PANELS = ["markets", "book", "tape", "ticket", "activity"]


def largest() -> dict[str, Any]:
    layout = {"preset": "swing", "hidden": PANELS, "sizes": dict.fromkeys(SIZES, SIZE_PX_MAX)}
    return {
        "layout": layout,
        "layouts": [{**layout, "name": f"{n:02}{'ß' * 30}"} for n in range(LAYOUTS_MAX)],
        "favourites": [f"{n:016}/{n:016}" for n in range(FAVOURITES_MAX)],
    }


def test_nothing_chosen_is_the_page_as_it_is_at_first() -> None:
    assert read_choices({}) == PageChoices()
    assert plain(PageChoices())["theme"] == "system"
    assert plain(PageChoices())["hot_keys"] is False


def test_what_was_chosen_comes_back_whole() -> None:
    chosen = {
        **largest(), "theme": "light", "density": "compact", "palette": "blue_orange",
        "layout_name": f"03{'ß' * 30}", "markets_sort": "volume", "markets_descending": True,
        "markets_quote": "USD", "only_favourites": True, "hot_keys": True, "is_introduced": True,
        "slippage": "0.3",
        "warnings": {
            rule: {"act": "block", "limit": "2.5"}
            for rule in ("through", "away", "thin", "deep", "share", "worth")
        },
        "sounds": {"on": True, "volume": 0, "fill": "ping", "reject": "none", "alert": "rise"},
        "desktop_notices": True,
        "currency": "EUR",
    }  # fmt: skip
    assert plain(read_choices(chosen)) == chosen


def test_the_largest_document_is_small() -> None:
    assert len(json.dumps(plain(read_choices(largest())))) < 10_000


@pytest.mark.parametrize(
    ("document", "field", "expected"),
    [
        ({"odd": 1}, "odd", "is not a field of preferences"),
        ({"layout": {"sizes": {"chart": 1}}}, "layout.sizes.chart", "is not a field"),
        ({"theme": "pink"}, "theme", "one of: system, dark, light"),
        ({"layout": {"hidden": ["chart"]}}, "layout.hidden[0]", "one of: markets, book"),
        ({"layout": {"sizes": {"side": "1"}}}, "layout.sizes.side", "expected int"),
        ({"layout": {"sizes": {"side": SIZE_PX_MAX + 1}}}, "layout.sizes.side", "<= 4000"),
        ({"layouts": [{"name": " a"}]}, "layouts[0].name", "1 to 32 characters"),
        ({"layouts": [{"name": "a\u0000"}]}, "layouts[0].name", "1 to 32 characters"),
        ({"layouts": [{"name": "\ud800"}]}, "layouts[0].name", "1 to 32 characters"),
        ({"layouts": [{"name": "a" * 33}]}, "layouts[0].name", "1 to 32 characters"),
        ({"layouts": [{}]}, "layouts[0]", "missing required field name"),
        ({"layouts": [{"name": "a"}, {"name": "a"}]}, "layouts", "whose names differ"),
        ({"layouts": [{"name": f"{n}"} for n in range(13)]}, "layouts", "differ"),
        ({"layout_name": "mine"}, "layout_name", "one of the layouts"),
        ({"favourites": ["btc-usd"]}, "favourites[0]", "such as BTC/USD"),
        ({"favourites": ["BTC/USD", "BTC/USD"]}, "favourites", "without repeats"),
        ({"favourites": [f"A{n}/USD" for n in range(101)]}, "favourites", "such as"),
        ({"markets_quote": "u\u0000"}, "markets_quote", "code of an asset"),
        ({"hot_keys": 1}, "hot_keys", "expected bool"),
        ({"slippage": "100"}, "slippage", "a percentage such as 0.3"),
        ({"slippage": "-1"}, "slippage", "a percentage such as 0.3"),
        ({"warnings": {"thin": {"act": "shout"}}}, "warnings.thin.act", "one of: off, ask, block"),
        ({"warnings": {"share": {"limit": "1e3"}}}, "warnings.share.limit", "such as 2.5"),
        ({"warnings": {"odd": {}}}, "warnings.odd", "is not a field"),
        ({"sounds": {"volume": 101}}, "sounds.volume", "<= 100"),
        ({"sounds": {"fill": "siren"}}, "sounds.fill", "one of: none, chime"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_what_was_expected(
    document: dict[str, Any], field: str, expected: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        read_choices(document)
    assert list(refused.value.details) == [field]
    assert expected in refused.value.details[field]


def test_what_another_version_kept_is_read_as_far_as_it_is_known() -> None:
    assert known_choices({"theme": "dark", "of_tomorrow": 1}) == PageChoices(theme="dark")
    assert known_choices({"theme": "of tomorrow"}) == PageChoices()
