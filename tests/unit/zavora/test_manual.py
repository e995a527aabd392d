"""The help: the project's own documents, without a link that leads nowhere, and found by words."""

import re

import pytest

from zavora.pages.manual import DOCUMENTS, LEFT_OUT, anchor_of, manual
from zavora.pages.manual_search import EXCERPT_LENGTH, FOUND_MAX, QUERY_LENGTH_MAX, search

HREF = re.compile(r'href="([^"]*)"')


def test_every_document_is_there_and_begins_with_its_title() -> None:
    assert list(manual()) == [name for name, _ in DOCUMENTS]
    for document in manual().values():
        assert document.sections[0].level == 1
        assert document.title


def test_no_link_of_the_help_is_dead() -> None:
    pages = {
        f"/help/{name}": {section.anchor for section in document.sections}
        for name, document in manual().items()
    }
    links = [
        (f"/help/{name}", href)
        for name, document in manual().items()
        for section in document.sections
        for href in HREF.findall(section.body)
    ]
    dead = []
    for page, href in links:
        path, _, anchor = href.partition("#")
        if not href.startswith("http") and not (
            (path or page) in pages and (not anchor or anchor in pages[path or page])
        ):
            dead.append(f"{page}: {href}")
    assert len(links) > 60
    assert dead == []


def test_what_the_guide_for_traders_points_at_is_a_link() -> None:
    """In other documents what leads out of the help is text; here nothing does."""
    for section in manual()["trading"].sections:
        assert "[" not in section.text
    bodies = "".join(section.body for section in manual()["trading"].sections)
    assert len(HREF.findall(bodies)) > 20


def test_what_is_left_out_is_a_heading_of_its_document() -> None:
    for name, anchors in LEFT_OUT.items():
        shown = {section.anchor for section in manual()[name].sections}
        assert shown.isdisjoint(anchors)


def test_anchors_are_unique_and_those_of_the_links() -> None:
    assert anchor_of("Immediate or cancel, fill or kill") == "immediate-or-cancel-fill-or-kill"
    assert anchor_of("Times in force that end: GTD and day") == (
        "times-in-force-that-end-gtd-and-day"
    )
    for document in manual().values():
        anchors = [section.anchor for section in document.sections]
        assert len(anchors) == len(set(anchors))


def test_html_in_a_document_is_text() -> None:
    for document in manual().values():
        for section in document.sections:
            assert "<script" not in section.body


def test_a_search_finds_every_word_or_the_beginning_of_one() -> None:
    first = search("post-only")[0]
    assert "post-only" in first.title.lower()
    assert first.address.startswith("/help/")
    found = search("auction halt")
    assert found
    for one in search("ICEBERG"):
        marked = [piece.text.lower() for piece in one.excerpt if piece.is_found]
        assert all(text.startswith("iceberg") for text in marked)
    assert search("zzz") == []


@pytest.mark.parametrize("query", ["", "   ", "(", "\\", "<b>", "a" * 5_000, "-" * 50])
def test_odd_queries_are_answered(query: str) -> None:
    assert len(search(query)) <= FOUND_MAX


def test_what_is_found_is_bounded() -> None:
    found = search("order")
    assert len(found) == FOUND_MAX
    for one in found:
        assert sum(len(piece.text) for piece in one.excerpt) <= EXCERPT_LENGTH + 4
    assert search("order" + " x" * QUERY_LENGTH_MAX) == search("order" + " x" * 47)
