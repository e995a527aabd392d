"""axe-core over a page, as the tests of all pages use it.

    assert violations(page) == []

Each violation is one line: the rule, how many elements, and the first of them.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

AXE: Final = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
RUN: Final = """
async () => {
  // What is under way (a flash, a fade) has colours of its own for a moment.
  document.getAnimations().forEach((animation) => animation.finish?.());
  const {violations} = await axe.run(document, {
    rules: {"label-content-name-mismatch": {enabled: true}},
    resultTypes: ["violations"],
  });
  return violations.map(({id, nodes}) =>
    `${id} (${nodes.length}): ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary ?? ""}`);
}
"""
THEMES: Final = ("dark", "light")
SIZES: Final = ((1440, 900), (390, 844))


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with the page as it stands now."""
    if not page.evaluate("'axe' in window"):
        # As an expression of the tester's, which a content policy does not concern.
        page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(RUN)
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


def violations_in(page: Page, looks: Iterable[tuple[tuple[int, int], str]]) -> list[str]:
    """Return the violations in some looks, each with the look it is of."""
    found = []
    for (width, height), theme in looks:
        page.set_viewport_size({"width": width, "height": height})
        set_theme(page, theme)
        found += [f"{theme}, {width} px: {text}" for text in violations(page)]
    return found


def violations_in_all_looks(page: Page) -> list[str]:
    """Return the violations in both themes, wide and narrow, each with the look it is of."""
    return violations_in(page, LOOKS)
