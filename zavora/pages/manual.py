"""The documents that concern people who trade, as pages: sections, anchors, links that lead on.

They are the project's own files in ``docs``, read once per process. A link between two of them
leads from page to page; one that leads out of them (to code, decisions, operators' documents) is
text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

# By the names of their files, in the order of the help's first page.
DOCUMENTS: Final = (
    ("trading", "Orders, fees and words, from the first order on."),
    ("matching", "The rule book: what becomes of an order, exactly."),
    ("matching-conditions", "Times in force, icebergs, self-trade prevention, protection."),
    ("matching-triggers", "Stops, take profits, trailing orders."),
    ("matching-lists", "One cancels the other, and the protection of quotes."),
    ("matching-phases", "Halts, auctions, calendars, collars."),
    ("accounts", "Accounts, money, members, fees, signing in."),
    ("privacy", "What is kept of you, and how you get or end it."),
    ("api", "Orders and accounts by program."),
    ("market-data", "Prices and books by program, live."),
    ("binance-api", "For programs that speak Binance."),
    ("binance-streams", "Its streams."),
    ("binance-user-data", "Its streams of one's own orders."),
)
# What of these is for operators, by the anchors of their headings.
LEFT_OUT: Final[Mapping[str, frozenset[str]]] = {
    "accounts": frozenset(
        (
            *("two-pairs-of-eyes", "what-the-database-refuses-by-itself"),
            *("doing-it-again-is-safe", "order-of-locks", "who-acts", "reconcile"),
            *("the-trial-of-money", "credentials", "the-door", "commands", "the-demo"),
        )
    ),
    "market-data": frozenset({"for-operators"}),
    "privacy": frozenset({"logs"}),
}
# Headings of these levels begin a section, which a search finds.
_SECTION_LEVELS: Final = ("h1", "h2", "h3")
_NOT_IN_ANCHORS: Final = re.compile(r"[^\w\- ]")
_FILE: Final = re.compile(r"(?:\./)?([\w-]+)\.md")


class Section(NamedTuple):
    """A heading with what stands under it, up to the next one."""

    document: str
    anchor: str
    level: int
    title: str
    text: str
    body: SafeString


class Document(NamedTuple):
    """One page of the help."""

    name: str
    title: str
    about: str
    sections: Sequence[Section]


class _Part(NamedTuple):
    """A section that is not written yet."""

    anchor: str
    level: int
    title: str
    tokens: list[Token]


@cache
def manual() -> Mapping[str, Document]:
    """Return the documents by name. Those whose file is not here are left out."""
    folder = Path(settings.BASE_DIR) / "docs"
    markdown = _markdown()
    parts = {
        name: list(_parts(markdown.parse(path.read_text(encoding="utf-8")), name))
        for name, _ in DOCUMENTS
        if (path := folder / f"{name}.md").is_file()
    }
    anchors = {name: {one.anchor for one in found} for name, found in parts.items()}
    documents = {}
    for name, about in DOCUMENTS:
        if found := parts.get(name):
            sections = [_written(markdown, name, part, anchors) for part in found]
            documents[name] = Document(name, sections[0].title, about, sections)
    return documents


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    # What is wider than its place moves under a finger, and by the keyboard.
    markdown.add_render_rule("table_open", _open_table)
    markdown.add_render_rule("table_close", _close_table)
    markdown.add_render_rule("fence", _fence)
    return markdown


def _open_table(_renderer: RendererHTML, *_asked: Any) -> str:
    box = '<div class="table-scroll" tabindex="0" role="group" aria-label="Table">'
    return f'{box}<table class="grid">'


def _close_table(_renderer: RendererHTML, *_asked: Any) -> str:
    return "</table></div>\n"


def _fence(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    return renderer.fence(tokens, index, options, env).replace("<pre>", '<pre tabindex="0">', 1)


def _parts(tokens: Sequence[Token], name: str) -> Iterator[_Part]:
    """Cut a document at its headings; what is left out goes with all that stands below it."""
    left_out, seen = LEFT_OUT.get(name, frozenset()), set[str]()
    skipped_level = 0
    part: _Part | None = None
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag in _SECTION_LEVELS:
            level = int(token.tag[1])
            title = _text_of(tokens[index + 1])
            anchor = _unseen(anchor_of(title), seen)
            if part is not None:
                yield part
            if skipped_level and level > skipped_level:
                part = None
                continue
            skipped_level = level if anchor in left_out else 0
            part = None if skipped_level else _Part(anchor, level, title, [])
        if part is not None:
            part.tokens.append(token)
    if part is not None:
        yield part


def anchor_of(title: str) -> str:
    """Return a heading's anchor as GitHub has it: the documents' links are made for that."""
    return _NOT_IN_ANCHORS.sub("", title.strip().lower()).replace(" ", "-")


def _unseen(anchor: str, seen: set[str]) -> str:
    name, count = anchor, 0
    while name in seen:
        count += 1
        name = f"{anchor}-{count}"
    seen.add(name)
    return name


def _written(
    markdown: MarkdownIt, name: str, part: _Part, anchors: Mapping[str, set[str]]
) -> Section:
    for token in part.tokens:
        if token.type == "heading_open" and token.tag in _SECTION_LEVELS:
            token.attrSet("id", part.anchor)
        for child, end in _links(token):
            address = _address(str(child.attrGet("href") or ""), name, anchors)
            if address:
                child.attrSet("href", address)
            else:
                # What a text without words is written as.
                child.type = end.type = "text"
    _name_no_empty_head(part.tokens)
    html = markdown.renderer.render(part.tokens, markdown.options, {})
    text = " ".join(filter(None, map(_text_of, part.tokens[3:])))
    # Made of files of the project, in which HTML is text.
    return Section(name, part.anchor, part.level, part.title, text, mark_safe(html))  # noqa: S308


def _links(token: Token) -> Iterator[tuple[Token, Token]]:
    """Yield the beginning and the end of each link; none stands within another."""
    opened: Token | None = None
    for child in token.children or []:
        if child.type == "link_open":
            opened = child
        elif child.type == "link_close" and opened is not None:
            yield opened, child
            opened = None


def _address(href: str, name: str, anchors: Mapping[str, set[str]]) -> str:
    """Return where a link leads on the site; empty where that is nowhere."""
    if href.startswith(("https://", "http://")):
        return href
    path, _, anchor = href.partition("#")
    if path:
        found = _FILE.fullmatch(path)
        target = found[1] if found else ""
    else:
        target = name
    if target not in anchors or (anchor and anchor not in anchors[target]):
        return ""
    page = "" if target == name and anchor else f"/help/{target}"
    return f"{page}#{anchor}" if anchor else page


def _name_no_empty_head(tokens: Sequence[Token]) -> None:
    """Make plain cells of heads without words: a reader would announce nothing."""
    for index, token in enumerate(tokens):
        if token.type == "th_open" and not tokens[index + 1].content:
            token.tag = tokens[index + 2].tag = "td"


def _text_of(token: Token) -> str:
    if token.type in ("fence", "code_block"):
        return token.content
    kept = ("text", "code_inline")
    words = (
        child.content if child.type in kept else " " if child.type == "softbreak" else ""
        for child in token.children or []
    )
    return "".join(words)
