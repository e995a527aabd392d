"""The one navigation: from every page each other one is two clicks away, for users and visitors."""

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from django.test import Client, RequestFactory

from accounts.services import create_asset, ensure_user
from tests.actors import SYSTEM
from zavora.pages.navigation import ABOUT, FURTHER, MAIN, OF_ACCOUNT, navigation_of

pytestmark = pytest.mark.django_db(transaction=True)

CLICKS_MAX = 2
# Pages to come from, beside those that are led to.
SOURCES = (
    *("/login", "/signup", "/login/forgotten", "/nothing", "/trade/NO-SUCH", "/help/matching"),
    *("/account/security/app", "/account/password", "/account/email", "/account/delete"),
)


class Links(HTMLParser):
    """Where a page leads, by the clicks that it takes: what is in a menu takes one more."""

    def __init__(self) -> None:
        super().__init__()
        self.clicks: dict[str, int] = {}
        self.current: list[str] = []
        self.buttons: list[str] = []
        self._menu_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "div" and ("popover" in given or self._menu_depth):
            self._menu_depth += 1
        if tag == "button" and given.get("popovertarget"):
            self.buttons.append(str(given["popovertarget"]))
        if tag == "a" and (href := given.get("href")):
            address = urlsplit(href).path
            clicks = 2 if self._menu_depth else 1
            self.clicks[address] = min(self.clicks.get(address, clicks), clicks)
            if given.get("aria-current") == "page":
                self.current.append(address)

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._menu_depth:
            self._menu_depth -= 1


def links_of(client: Client, address: str) -> Links:
    found = Links()
    answer = client.get(address, follow=True)
    assert answer.status_code in (200, 404), address
    found.feed(answer.content.decode())
    return found


def all_pages() -> dict[str, str]:
    """Return the address of every page that is led to, by its name."""
    navigation = navigation_of(RequestFactory().get("/"))
    return {entry.name: entry.address for group in navigation for entry in group}


@pytest.fixture
def user_client() -> Client:
    create_asset(by=SYSTEM, code="USD", name="US dollar", scale=8)
    client = Client()
    client.force_login(ensure_user(by=SYSTEM, email="walker@example.com"))
    return client


def test_every_page_is_two_clicks_from_every_other(user_client: Client) -> None:
    pages = all_pages()
    assert {"trade", "markets", "account", "security", "help", "status", "docs"} <= set(pages)
    far = []
    for address in (*pages.values(), *SOURCES):
        links = links_of(user_client, address)
        assert links.buttons.count("menu") == 1, address
        far += [
            f"{address} to {target}: {links.clicks.get(target)}"
            for target in pages.values()
            if target != address and links.clicks.get(target, 99) > CLICKS_MAX
        ]
    assert far == []


def test_a_page_says_which_it_is(user_client: Client) -> None:
    for name, address in all_pages().items():
        # Transfers are a part of the wallet.
        expected = "/wallet" if name == "transfers" else address
        assert set(links_of(user_client, address).current) == {expected}, name


def test_a_visitor_is_not_led_to_what_needs_a_log_in() -> None:
    pages = all_pages()
    personal = {name for name, _, is_personal in MAIN if is_personal}
    personal |= {name for name, _ in (*FURTHER, *OF_ACCOUNT)}
    for address in ("/", "/markets", "/help", "/nothing", "/login"):
        links = links_of(Client(), address)
        for name, target in pages.items():
            # The trading page has a table of the user's own, which is empty, with a link below it.
            if name not in personal or address != "/":
                assert (target in links.clicks) == (name not in personal), f"{address}: {name}"
        assert "/login" in links.clicks


def test_no_page_is_led_to_twice() -> None:
    names = [one[0] for one in (*MAIN, *FURTHER, *OF_ACCOUNT, *ABOUT)]
    assert len(names) == len(set(names))
