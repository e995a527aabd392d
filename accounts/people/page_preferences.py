"""What somebody chose of the trading page: the shape of it, and its checks.

The page alone knows what each choice means; here it is known what can be chosen, and how much, so
that nobody keeps anything else with us.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta

from zavora.foundation.errors import ValidationFailed

LAYOUTS_MAX: Final = 12
FAVOURITES_MAX: Final = 100
SIZE_PX_MAX: Final = 4_000

NAME_LENGTH_MAX: Final = 32

# What people write themselves: one space between words, no control characters, no half letters.
_WORD: Final = r"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+"
Name = Annotated[
    str, Meta(min_length=1, max_length=NAME_LENGTH_MAX, pattern=f"^{_WORD}( {_WORD})*$")
]
Symbol = Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,16}/[A-Z0-9]{1,16}$")]
Pixels = Annotated[int, Meta(ge=0, le=SIZE_PX_MAX)]
Panel = Literal["markets", "book", "tape", "ticket", "activity"]
Preset = Literal["scalp", "swing", "watch"]
Theme = Literal["system", "dark", "light"]
Density = Literal["comfortable", "compact"]
Palette = Literal["classic", "blue_orange", "teal_pink"]
# What a warning about an order does, and from where on: in percent, or in the quote asset.
WarningAct = Literal["off", "ask", "block"]
WarningLimit = Annotated[str, Meta(pattern=r"^([0-9]{1,15}(\.[0-9]{1,6})?)?$")]
MarketsSort = Literal["none", "name", "last", "change", "volume"]
Tone = Literal["none", "chime", "ping", "knock", "rise"]
Percent = Annotated[int, Meta(ge=0, le=100)]
_WORDS: Final[Mapping[str, Any]] = {
    "hidden": Panel,
    "preset": Preset,
    "theme": Theme,
    "density": Density,
    "palette": Palette,
    "markets_sort": MarketsSort,
    "act": WarningAct,
    "fill": Tone,
    "reject": Tone,
    "alert": Tone,
}


class PageSizes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How wide or high panels were made, in pixels; 0: as the preset has it."""

    markets: Pixels = 0
    side: Pixels = 0
    ticket: Pixels = 0
    tape: Pixels = 0
    activity: Pixels = 0


class PageLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the panels stand: by which preset, which of them are hidden, and their sizes."""

    preset: Preset = "swing"
    hidden: Annotated[list[Panel], Meta(max_length=5)] = []
    sizes: PageSizes = PageSizes()


class NamedLayout(PageLayout, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A layout that was saved under a name."""

    name: Name


class PageWarning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page does about an order that is odd in one way, and from which limit on."""

    act: WarningAct = "off"
    limit: WarningLimit = ""


class PageWarnings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In which ways an order may be odd."""

    through: PageWarning = PageWarning("ask", "5")
    away: PageWarning = PageWarning("off", "50")
    thin: PageWarning = PageWarning("ask")
    deep: PageWarning = PageWarning("off")
    share: PageWarning = PageWarning("off", "50")
    worth: PageWarning = PageWarning("off", "10000")


class PageSounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tone is heard of what, and how loud; silent until they are switched on."""

    on: bool = False
    volume: Percent = 60
    fill: Tone = "chime"
    reject: Tone = "knock"
    alert: Tone = "rise"


class PageChoices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be chosen of the page."""

    theme: Theme = "system"
    density: Density = "comfortable"
    palette: Palette = "classic"
    layout: PageLayout = PageLayout()
    # Which of the saved ones that is; empty: none.
    layout_name: Annotated[str, Meta(max_length=NAME_LENGTH_MAX)] = ""
    layouts: Annotated[list[NamedLayout], Meta(max_length=LAYOUTS_MAX)] = []
    favourites: Annotated[list[Symbol], Meta(max_length=FAVOURITES_MAX)] = []
    markets_sort: MarketsSort = "none"
    markets_descending: bool = False
    markets_quote: Annotated[str, Meta(pattern=r"^[A-Z0-9]{0,16}$")] = ""
    only_favourites: bool = False
    hot_keys: bool = False
    is_introduced: bool = False
    # By how many percent a market order may slip; empty: by any.
    slippage: Annotated[str, Meta(pattern=r"^([0-9]{1,2}(\.[0-9]{1,6})?)?$")] = ""
    warnings: PageWarnings = PageWarnings()
    sounds: PageSounds = PageSounds()
    # Whether the system shows fills and alerts while the page is hidden; the browser asks, too.
    desktop_notices: bool = False
    # What portfolios are valued in; empty: as the exchange has it.
    currency: Annotated[str, Meta(pattern=r"^[A-Z0-9]{0,16}$")] = ""


# Where msgspec says what is wrong: "Expected `int`, got `str` - at `$.layout.sizes.side`".
_WRONG: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>.*)`)?", re.DOTALL)
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_INDEX: Final = re.compile(r"\[\d+\]")
FIELD_LENGTH_MAX: Final = 64
# What was expected where the reader has no words for people.
_EXPECTED: Final = {
    "name": f"expected 1 to {NAME_LENGTH_MAX} characters without space around them",
    "favourites": "expected markets such as BTC/USD, without repeats",
    "layouts": "expected layouts whose names differ",
    "layout_name": "expected the name of one of the layouts",
    "markets_quote": "expected the code of an asset",
    "currency": "expected the code of an asset",
    "limit": "expected a number such as 2.5, or nothing",
    "slippage": "expected a percentage such as 0.3, or nothing",
}


def read_choices(document: Mapping[str, Any]) -> PageChoices:
    """Return what was chosen; what is missing is as it is at first.

    Raises ValidationFailed, which names the first field that is wrong or unknown, and what was
    expected of it.
    """
    try:
        choices = msgspec.convert(document, PageChoices)
    except msgspec.ValidationError as error:
        raise _failure(str(error)) from None
    names = [layout.name for layout in choices.layouts]
    wrong = {
        "layouts": len(set(names)) < len(names),
        "favourites": len(set(choices.favourites)) < len(choices.favourites),
        "layout_name": choices.layout_name not in ("", *names),
    }
    for field, is_wrong in wrong.items():
        if is_wrong:
            raise _refusal(field, _EXPECTED[field])
    return choices


def known_choices(document: Mapping[str, Any]) -> PageChoices:
    """Return what of a document is known here: another version of the exchange may have kept it."""
    fields = PageChoices.__struct_fields__
    try:
        return read_choices({name: document[name] for name in fields if name in document})
    except ValidationFailed:
        return PageChoices()


def plain(choices: PageChoices) -> dict[str, Any]:
    """Return what was chosen as JSON has it, every field of it."""
    document: dict[str, Any] = msgspec.to_builtins(choices)
    return document


def _failure(text: str) -> ValidationFailed:
    matched = _WRONG.fullmatch(text)
    what, where = (matched["what"], matched["where"] or "") if matched else (text, "")
    if unknown := _UNKNOWN.fullmatch(what):
        name = unknown[1][:FIELD_LENGTH_MAX].encode("utf-8", "replace").decode()
        return _refusal(f"{where}.{name}" if where else name, "is not a field of preferences")
    last = _INDEX.sub("", where).rpartition(".")[2]
    if "enum value" in what:
        what = f"expected one of: {', '.join(get_args(_WORDS[last]))}"
    elif "regex" in what or "length" in what:
        what = _EXPECTED.get(last, what)
    return _refusal(where or "document", f"{what[:1].lower()}{what[1:]}".replace("`", ""))


def _refusal(field: str, expected: str) -> ValidationFailed:
    error = ValidationFailed(f"These fields are not as expected: {field}.")
    error.details = {field: expected}  # not as keywords: a field may have any name
    return error
