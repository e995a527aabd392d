"""Finding words in the help: sections that have all of them, the nearest first, with an excerpt."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from zavora.pages.manual import Section, manual

QUERY_LENGTH_MAX: Final = 100
WORDS_MAX: Final = 8
FOUND_MAX: Final = 30
EXCERPT_LENGTH: Final = 220
# How much of an excerpt stands before the first word that was found.
_LEAD: Final = 70
# What a word in a title, and each one in the text up to a bound, counts.
_OF_TITLE: Final = 20
_OF_TEXT_MAX: Final = 6
# What is written for people who trade comes before the exact rules.
_OF_GUIDE: Final = 5
_GUIDE: Final = "trading"
_WORD: Final = re.compile(r"[\w/]+(?:[-.][\w/]+)*")


class Piece(NamedTuple):
    """A part of an excerpt; ``is_found``: a word that was asked for."""

    text: str
    is_found: bool


class Found(NamedTuple):
    """A section with the words, and where the page of it is."""

    title: str
    document: str
    address: str
    excerpt: Sequence[Piece]


def search(query: str) -> list[Found]:
    """Return the sections in which every word of a query stands, or the beginning of one."""
    words = list(dict.fromkeys(_WORD.findall(query[:QUERY_LENGTH_MAX].casefold())))[:WORDS_MAX]
    if not words:
        return []
    each = [re.compile(rf"\b{re.escape(word)}", re.IGNORECASE) for word in words]
    ranked = [
        (rank, title, section)
        for document in manual().values()
        for title, section in ((document.title, one) for one in document.sections)
        if (rank := _rank(section, each))
    ]
    ranked.sort(key=lambda one: -one[0])
    anything = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\w*", re.IGNORECASE)
    return [
        Found(
            section.title,
            title if section.level > 1 else "",
            f"/help/{section.document}#{section.anchor}",
            list(_excerpt(section.text, anything)),
        )
        for _, title, section in ranked[:FOUND_MAX]
    ]


def _rank(section: Section, words: Sequence[re.Pattern[str]]) -> int:
    rank = _OF_GUIDE if section.document == _GUIDE else 0
    for word in words:
        in_title = len(word.findall(section.title))
        in_text = len(word.findall(section.text))
        if not in_title and not in_text:
            return 0
        rank += _OF_TITLE * min(1, in_title) + min(in_text, _OF_TEXT_MAX)
    return rank


def _excerpt(text: str, words: re.Pattern[str]) -> Iterator[Piece]:
    first = words.search(text)
    start = max(0, first.start() - _LEAD) if first else 0
    if start:
        start = text.find(" ", start) + 1
    cut = text[start : start + EXCERPT_LENGTH]
    if start + EXCERPT_LENGTH < len(text):
        cut = cut.rpartition(" ")[0] + " …"
    if start:
        cut = f"… {cut}"
    at = 0
    for found in words.finditer(cut):
        yield Piece(cut[at : found.start()], is_found=False)
        yield Piece(found[0], is_found=True)
        at = found.end()
    yield Piece(cut[at:], is_found=False)
