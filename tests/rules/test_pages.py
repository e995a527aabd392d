"""No page is left out where all are looked at."""

from tests.e2e import pages
from tests.routes import page_paths

LISTS = (set(pages.FOR_EVERYBODY), set(pages.FOR_USERS), pages.NO_PAGES, pages.ON_A_WAY)


def test_every_path_is_a_page_that_is_looked_at_or_none() -> None:
    listed = set().union(*LISTS)
    assert set(page_paths()) - listed == set(), "add it to tests/e2e/pages.py"
    assert listed - set(page_paths()) == set(), "no such path any more"


def test_no_path_is_in_two_lists() -> None:
    assert sum(map(len, LISTS)) == len(set().union(*LISTS))
