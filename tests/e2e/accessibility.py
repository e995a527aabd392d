"""axe-core over a page, as the tests of all pages use it.

    assert violations(page) == []

Each violation is one line: the rule, how many elements, and the first of them.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

AXE: Final = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
RUN: Final = """
async ([within, only]) => {
  // What is under way (a flash, a fade) has colours of its own for a moment.
  document.getAnimations().forEach((animation) => animation.finish?.());
  const {violations} = await axe.run(within ?? document, {
    ...(only.length ? {runOnly: only} : {rules: {"label-content-name-mismatch": {enabled: true}}}),
    resultTypes: ["violations"],
    // Style sheets are read again only for a rule that is not run.
    preload: {assets: ["media"]},
  });
  return violations.map(({id, nodes}) =>
    `${id} (${nodes.length}): ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary ?? ""}`);
}
"""
THEMES: Final = ("dark", "light")
SIZES: Final = ((1440, 900), (390, 844))
MIDDLE: Final = (1024, 768)
# What can be wrong in one theme and right in another, where all else was looked at.
OF_COLOURS: Final = ("color-contrast", "link-in-text-block")

Look = tuple[tuple[int, int], str]


def violations(page: Page, *, within: str | None = None, only: Iterable[str] = ()) -> list[str]:
    """Return what axe-core finds wrong with the page as it stands now.

    ``within``: look at this part of it alone. ``only``: by these rules alone.
    """
    if not page.evaluate("'axe' in window"):
        # As an expression of the tester's, which a content policy does not concern.
        page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(RUN, [within, list(only)])
    return found


def set_theme(page: Page, theme: str) -> None:
    """Show the page in a theme, and every later page of this browser context."""
    page.evaluate(
        "(theme) => { document.documentElement.dataset.theme = theme;"
        " localStorage.setItem('zavora.theme', theme); dispatchEvent(new Event('zavora:theme')); }",
        theme,
    )


# A look is a size and a theme. Two that differ in both show each of the four once.
LOOKS: Final = tuple((size, theme) for size in SIZES for theme in THEMES)
CROSSED: Final = ((LOOKS[0], LOOKS[3]), (LOOKS[1], LOOKS[2]))
ALL_LOOKS: Final = tuple((size, theme) for size in (SIZES[0], MIDDLE, SIZES[1]) for theme in THEMES)
# Those crossed, so that each of the four is once the first: for pages of one template in turns.
GLANCES: Final = (*CROSSED, *(looks[::-1] for looks in CROSSED))


def violations_in(page: Page, looks: Iterable[Look], *, within: str | None = None) -> list[str]:
    """Return the violations in some looks, each with the look it is of."""
    return [text for look in looks for text in _violations_of(page, look, within=within)]


def violations_at_a_glance(
    page: Page, looks: Sequence[Look], *, within: str | None = None
) -> list[str]:
    """Return the violations in the first look by all rules, in the others by those of colours."""
    found = violations_in(page, looks[:1], within=within)
    for look in looks[1:]:
        found += _violations_of(page, look, within=within, only=OF_COLOURS)
    return found


def violations_in_all_looks(page: Page, *, within: str | None = None) -> list[str]:
    """Return the violations in both themes, wide and narrow, each with the look it is of."""
    wide, narrow = LOOKS[:2], LOOKS[:1:-1]
    return [
        text
        for looks in (wide, narrow)
        for text in violations_at_a_glance(page, looks, within=within)
    ]


def set_look(page: Page, look: Look) -> None:
    """Show the page in a size and a theme."""
    (width, height), theme = look
    page.set_viewport_size({"width": width, "height": height})
    set_theme(page, theme)


def _violations_of(
    page: Page, look: Look, *, within: str | None = None, only: Iterable[str] = ()
) -> list[str]:
    set_look(page, look)
    (width, _), theme = look
    found = violations(page, within=within, only=only)
    return [f"{theme}, {width} px: {text}" for text in found]
