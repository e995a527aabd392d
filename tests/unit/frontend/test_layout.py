"""The front end keeps its rooms: imports go one way, panels stay inside the element they are given.

    panels -> state -> link -> core

Only a page's own entry looks elements up in the whole page; a panel finds its parts inside the
element that it is mounted on.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from scripts.api_types import TYPES, imported, openapi_document, typescript

SOURCES: Final = Path(__file__).resolve().parents[3] / "frontend/src"
ROOMS: Final = ("core", "link", "state", "panels")
# The trading page, the overview of markets, orders and fills, account pages, the theme.
ENTRIES: Final = ("main.ts", "markets.ts", "own.ts", "site.ts", "theme.ts")
# What draws the candles and what stands among them; nothing else comes from outside.
LIBRARY: Final = {
    f"panels/chart{part}.ts": {"lightweight-charts"}
    for part in ("", "-alerts", "-form", "-grips", "-series", "-studies")
}
MODULE_LINES_MAX: Final = 400
# Made from the API's document, as many lines as that has.
GENERATED: Final = "link/types.ts"
FUNCTION_LINES_MAX: Final = 70

IMPORT: Final = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)\"""")
LOOK_UP: Final = re.compile(
    r"\bbyId\b|\bdocument(?:\.body|\.documentElement)?\??\.(?:getElement|querySelector)"
    r"|\bfind(?:All)?(?:<[^>]*>)?\(\s*document\b"
)
DECLARED: Final = re.compile(r"^(?:export )?(?:interface|type) (\w+)", re.MULTILINE)
CONTROL: Final = re.compile(r"\s*(?:\}\s*)?(?:if|else|for|while|switch|try|catch|do)\b")

FILES: Final = sorted(SOURCES.rglob("*.ts"))


def _name(path: Path) -> str:
    return path.relative_to(SOURCES).as_posix()


def _wrong_imports(path: Path, text: str) -> list[str]:
    """Return what a file may not import: rooms above its own, and libraries."""
    room = path.relative_to(SOURCES).parts[0]
    below = ROOMS[: ROOMS.index(room) + 1] if room in ROOMS else ROOMS
    wrong = []
    for found in IMPORT.findall(text):
        if not found.startswith("."):
            if found not in LIBRARY.get(_name(path), set()):
                wrong.append(found)
            continue
        target = (path.parent / found).resolve().relative_to(SOURCES)
        if target.parts[0] not in below:
            wrong.append(found)
    return wrong


def _function_lines(text: str) -> Iterator[tuple[str, int]]:
    """Yield each function's first line and how many lines it has, by the indents."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        is_block = line.endswith("{") and ("(" in line or ")" in line or "=>" in line)
        if not is_block or CONTROL.match(line):
            continue
        indent = line[: len(line) - len(line.lstrip())]
        end = next(n for n in range(start + 1, len(lines)) if lines[n].startswith(f"{indent}}}"))
        yield line.strip(), end - start + 1


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_imports_from_its_own_room_and_those_below(path: Path) -> None:
    assert _wrong_imports(path, path.read_text()) == []


@pytest.mark.parametrize(
    ("file", "imported", "is_wrong"),
    [
        ("state/book.ts", "../core/crc32.ts", False),
        ("state/book.ts", "./fees.ts", False),
        ("state/book.ts", "../panels/book.ts", True),
        ("state/book.ts", "../main.ts", True),
        ("link/rest.ts", "../state/exchange.ts", True),
        ("core/dom.ts", "../link/types.ts", True),
        ("panels/tape.ts", "lightweight-charts", True),
        ("panels/chart.ts", "lightweight-charts", False),
        ("main.ts", "./panels/chart.ts", False),
    ],
)
def test_an_import_upwards_is_found(file: str, imported: str, is_wrong: bool) -> None:
    for text in (f'import {{ a }} from "{imported}";', f'await import("{imported}")'):
        assert _wrong_imports(SOURCES / file, text) == [imported] * is_wrong


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_only_a_pages_entry_looks_elements_up_in_the_page(path: Path) -> None:
    found = LOOK_UP.findall(path.read_text())
    assert bool(found) == (_name(path) in ENTRIES), found


@pytest.mark.parametrize(
    "text",
    [
        'byId("chart")',
        'document.getElementById("chart")',
        "document.querySelector<HTMLElement>('.unit')",
        "document.body.querySelectorAll('.unit')",
        'find<HTMLInputElement>(document, "#price")',
        'findAll(document.body, ".unit")',
    ],
)
def test_a_look_up_in_the_whole_page_is_found(text: str) -> None:
    assert LOOK_UP.search(text)


def test_the_trading_page_is_a_list_of_panels() -> None:
    mounted = re.findall(
        r'import \{ mount as mount\w+ \} from "./(panels/[\w-]+\.ts)"',
        (SOURCES / "main.ts").read_text(),
    )
    assert len(mounted) >= 15
    for name in mounted:
        assert re.search(r"^export function mount\(\s*\w+: HTML\w*Element\b", _text(name), re.M)


def _text(name: str) -> str:
    return (SOURCES / name).read_text()


def test_each_style_sheet_is_named_after_its_panel_and_part_of_the_page() -> None:
    listed = re.findall(r'@import "\.\./panels/([\w-]+)\.css";', _text("styles/main.css"))
    sheets = {path.stem for path in (SOURCES / "panels").glob("*.css")}
    assert sorted(listed) == sorted(sheets)
    assert sheets <= {path.stem for path in (SOURCES / "panels").glob("*.ts")}


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MODULE_LINES_MAX or _name(path) == GENERATED
    assert [one for one in _function_lines(text) if one[1] > FUNCTION_LINES_MAX] == []


def test_the_lines_of_functions_are_counted() -> None:
    text = "class A {\n  #b(): void {\n    if (a) {\n      c();\n    }\n  }\n}\n"
    long = "export function d(\n  e: string,\n): void {\n" + "  f();\n" * 80 + "}\n"
    assert list(_function_lines(text + long)) == [("#b(): void {", 5), ("): void {", 82)]


def test_the_apis_shapes_are_written_by_the_api() -> None:
    assert TYPES.read_text() == typescript(openapi_document(), imported())


def test_shapes_that_nobody_imports_are_left_out_but_not_what_others_are_made_of() -> None:
    parts = {"properties": {"part": {"$ref": "#/components/schemas/Part"}}}
    shapes = {"Whole": parts, "Part": {"properties": {}}, "Nobodys": {"properties": {}}}
    written = typescript({"components": {"schemas": shapes}}, {"Whole"})
    assert DECLARED.findall(written) == ["Whole", "Part"]


def test_no_shape_of_the_api_is_written_a_second_time() -> None:
    shapes = set(openapi_document()["components"]["schemas"])
    assert {"Order", "Market", "Fill"} <= shapes
    for path in FILES:
        if path != TYPES:
            assert shapes.isdisjoint(DECLARED.findall(path.read_text())), _name(path)


def test_a_schema_without_words_is_refused() -> None:
    schema = {"properties": {"a": {"type": "string"}, "b": {"allOf": []}}}
    with pytest.raises(ValueError, match="allOf"):
        typescript({"components": {"schemas": {"Odd": schema}}}, {"Odd"})


def test_each_kind_of_schema_has_its_words() -> None:
    schema = {
        "description": "All of them.",
        "required": ["a"],
        "properties": {
            "a": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "b": {"type": "array", "items": {"enum": ["x", "y"]}},
            "c": {"prefixItems": [{"type": "integer"}, {"$ref": "#/components/schemas/Some"}]},
            "d": {"type": "object", "additionalProperties": {"type": "boolean"}},
            "e": {"type": "object"},
            "f": {"enum": [f"a long word of number {number}" for number in range(4)]},
        },
    }
    written = typescript({"components": {"schemas": {"Some": schema}}}, {"Some"})
    assert written.endswith(
        """
/** All of them. */
export interface Some {
  a: string | null;
  b?: ("x" | "y")[];
  c?: [number, Some];
  d?: Record<string, boolean>;
  e?: Record<string, unknown>;
  f?:
    | "a long word of number 0"
    | "a long word of number 1"
    | "a long word of number 2"
    | "a long word of number 3";
}
"""
    )
