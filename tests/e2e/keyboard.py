"""Going through a page by Tab alone, as somebody without a pointer does.

    assert faults_of_walk(page) == []

Each element that can be used is reached, shows that it has the focus, comes after the one before it
as they stand on the page, and none keeps the focus. Of a group that is worked by arrow keys one is
reached.
"""

from collections.abc import Callable
from typing import Final

from playwright.sync_api import Locator, Page

TABS_MAX: Final = 400
# What shows the focus: one of these is another than without it.
STARTS: Final = """
() => {
  const looks = ["outlineStyle", "outlineWidth", "outlineColor", "boxShadow", "borderColor",
    "backgroundColor", "textDecorationLine", "clipPath", "top"];
  const usable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  const isSeen = (element) => {
    const {width, height} = element.getBoundingClientRect();
    return width > 0 && height > 0 && element.checkVisibility({visibilityProperty: true})
      && !element.matches(":disabled") && !element.closest("[inert]");
  };
  // Within a group of them arrow keys move: tabs, radios, levels of the book, markets of a list.
  const groups = "[role=tablist], [role=radiogroup], [role=listbox], [role=toolbar], .book-side";
  const lookOf = (element) => {
    const parts = [element, element.parentElement, element.closest(".level")].filter(Boolean);
    return parts.map((part) => looks.map((name) => getComputedStyle(part)[name]).join()).join("|");
  };
  const nameOf = (element) => {
    const text = element.getAttribute("aria-label") ?? element.innerText ?? "";
    return `${element.tagName.toLowerCase()}#${element.id} ${text.trim().slice(0, 40)}`;
  };
  const all = [...document.querySelectorAll(usable)].filter(isSeen);
  const walk = window.tabWalk = {seen: [], faults: [], last: null, all, nameOf, groups, home: null};
  // From the top, also where a field had the focus as the page came.
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
  walk.plain = new Map(all.map((element) => [element, lookOf(element)]));
  walk.look = lookOf;
  return all.filter((element) => element.tabIndex >= 0).length;
}
"""
# Reads what has the focus; true once the walk is over: back at its beginning, or out of the page.
STEP: Final = """
() => {
  const walk = window.tabWalk;
  const element = document.activeElement;
  const isOut = !element || element === document.body;
  if (isOut || element === walk.seen[0]) return walk.seen.length > 0;
  // Of a date Tab goes through day, month and year, each of which the browser itself marks.
  const isOfParts = element.matches("[type=date], [type=datetime-local], [type=time]");
  if (isOfParts && walk.last?.element === element) return false;
  if (walk.last?.element === element) {
    walk.faults.push(`${walk.nameOf(element)} keeps the focus`);
    return true;
  }
  const box = element.getBoundingClientRect();
  // Links in a text follow its words, and so do regions that scroll.
  const isText = element.matches("p a, li a, td a, dd a, div[tabindex]");
  // Where that is now: the page may have scrolled for what came next.
  const before = isText || walk.last?.isText ? null : walk.last?.element.getBoundingClientRect();
  // Above what came before and not beside it, or beside it on its left: the eye goes on elsewhere.
  const isAbove = before && box.bottom <= before.top - 4 && box.left < before.right - 4;
  const isLeft = before && box.right <= before.left - 4 && Math.abs(box.top - before.top) < 8;
  if (isAbove || isLeft) {
    walk.faults.push(`${walk.nameOf(element)} comes after ${walk.nameOf(walk.last.element)}`);
  }
  const plain = walk.plain.get(element);
  if (!isOfParts && plain !== undefined && plain === walk.look(element)) {
    walk.faults.push(`${walk.nameOf(element)} does not show the focus`);
  }
  walk.seen.push(element);
  walk.last = {element, isText};
  return false;
}
"""
END: Final = """
() => {
  const {all, seen, faults, nameOf, groups} = window.tabWalk;
  const reached = new Set(seen);
  for (const element of all) {
    if (reached.has(element) || !element.isConnected || !element.checkVisibility()) continue;
    const group = element.closest(groups);
    const isInGroup = group && [...group.querySelectorAll("*")].some((one) => reached.has(one));
    const isRadio = element.type === "radio" && seen.some((one) => one.name === element.name);
    // What is focused by scripts alone: the target of "Skip to content".
    const isTarget = element.tabIndex < 0 && !element.matches("a, button, input, select, textarea");
    if (!isInGroup && !isRadio && !isTarget) faults.push(`${nameOf(element)} is not reached`);
  }
  return faults;
}
"""


def faults_of_walk(page: Page) -> list[str]:
    """Press Tab until the page is through; return what is wrong with the way, a line each."""
    count = int(page.evaluate(STARTS))
    for _ in range(min(TABS_MAX, 3 * count + 5)):
        page.keyboard.press("Tab")
        if page.evaluate(STEP):
            break
    else:
        return [f"Tab comes to no end within {3 * count + 5} presses"]
    faults: list[str] = page.evaluate(END)
    return faults


def tab_to(page: Page, target: Locator, *, key: str = "Tab") -> None:
    """Press Tab (or ``Shift+Tab``) until something has the focus."""
    expected = target.element_handle()
    for _ in range(TABS_MAX):
        if expected.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{target} is not reached by {key}")


def returns_focus(page: Page, opener: Locator, opens: Callable[[], None], dialog: Locator) -> None:
    """Open a dialog by keys and close it by Escape; the focus is where it was."""
    tab_to(page, opener)
    opens()
    dialog.wait_for(state="visible")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert opener.evaluate("(element) => element === document.activeElement"), opener
