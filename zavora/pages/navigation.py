"""The one navigation of all pages: where each is, and which of them is on show.

Every page links to all of these, in its bar or in its menu, so that none is further than two clicks
from any other.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from django.http import HttpRequest
from django.urls import reverse

# By the names of the addresses. What is personal is of no use to somebody who is not logged in.
MAIN: Final = (
    ("trade", "Trade", False),
    ("markets", "Markets", False),
    ("portfolio", "Portfolio", True),
    ("wallet", "Wallet", True),
    ("orders", "Orders", True),
)
# What belongs to these, and is reached by the menu.
FURTHER: Final = (
    ("fills", "Fills"),
    ("transfers", "Transfers"),
)
OF_ACCOUNT: Final = (
    ("account", "Accounts and members"),
    ("security", "Security"),
    ("keys", "API keys"),
    ("alerts", "Price alerts"),
    ("addresses", "Address book"),
    ("own_fees", "Fees"),
    ("statements", "Statements and reports"),
    ("own_data", "Your data"),
)
ABOUT: Final = (
    ("help", "Help"),
    ("status", "Status"),
    ("docs", "API"),
    ("liabilities", "What we owe"),
)
# Pages that belong to one of these, by the names of their addresses.
PARTS: Final = {
    "account_fees": "own_fees",
    "new_app": "security",
    "new_passkey": "security",
    "recovery_codes": "security",
    "own_password": "security",
    "new_email": "security",
    "delete_account": "own_data",
    "help_document": "help",
}


class Entry(NamedTuple):
    """A page that can be gone to."""

    name: str
    text: str
    address: str
    is_current: bool
    is_personal: bool = False


class Navigation(NamedTuple):
    """All that can be gone to from a page."""

    main: Sequence[Entry]
    further: Sequence[Entry]
    account: Sequence[Entry]
    about: Sequence[Entry]


def navigation_of(request: HttpRequest) -> Navigation:
    """Return the navigation as it stands on the page that is asked for. Reads no table."""
    found = request.resolver_match
    name = (found.url_name if found else None) or ""
    current = PARTS.get(name, name)
    return Navigation(
        [
            Entry(one, text, reverse(one), one == current, is_personal)
            for one, text, is_personal in MAIN
        ],
        _entries(FURTHER, current),
        _entries(OF_ACCOUNT, current),
        _entries(ABOUT, current),
    )


def _entries(pages: Sequence[tuple[str, str]], current: str) -> list[Entry]:
    return [Entry(name, text, reverse(name), name == current) for name, text in pages]
