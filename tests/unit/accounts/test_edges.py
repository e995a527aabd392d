"""No edge decides about money or rights by a flag: the services ask an actor for a permission."""

import inspect
from pathlib import Path

import accounts.services
import matching.markets.services
import matching.orders.services
from zavora.runner.home import PROJECT_DIR

PACKAGES = ("accounts", "api", "matching", "marketdata", "zavora")
# Where the flags may stand: their columns, the services that ask or set them, pages that show them.
MAY_NAME_FLAGS = {
    # The door of the operators' pages: who gets in, not what they may do there.
    "accounts/pages/door.py",
    "accounts/pages/forms.py",
    "accounts/access/actor.py",
    "accounts/access/operators.py",  # makes the actor of the operators' pages
    "accounts/admin/people.py",
    "accounts/models/people.py",
    "accounts/people/services.py",
    "accounts/people/password_links.py",
    "accounts/access/rights.py",
    "accounts/people/roles.py",
    "zavora/demo/loading.py",
}
# Services that ask nobody: a customer's on what the edge has found to be their own, a stranger's,
# or such as write nothing that belongs to anybody. This list may only shrink.
WITHOUT_ACTOR = {
    "cancel_own_withdrawal",
    "configure_command",
    "ensure_shard",
    "forget_sessions_of",
    "new_market_command",
    "purge_events",
    "purge_order_keys",
    "request_withdrawal",
    "reset_password",
    "sign_up",
}


def test_flags_of_staff_stand_in_services_and_nowhere_else():
    found = set()
    for package in PACKAGES:
        for path in (Path(PROJECT_DIR) / package).rglob("*.py"):
            if "migrations" not in path.parts:
                text = path.read_text()
                if "is_staff" in text or "is_superuser" in text:
                    found.add(str(path.relative_to(PROJECT_DIR)))
    assert found == MAY_NAME_FLAGS


def test_every_service_asks_who_acts():
    services = {name: getattr(accounts.services, name) for name in accounts.services.__all__}
    services |= {
        name: one
        for module in (matching.markets.services, matching.orders.services)
        for name, one in vars(module).items()
        if not name.startswith("_") and getattr(one, "__module__", "") == module.__name__
    }
    without = set()
    for name, service in services.items():
        if inspect.isfunction(service):
            by = inspect.signature(service).parameters.get("by")
            if by is None or by.kind is not by.KEYWORD_ONLY or by.default is not by.empty:
                without.add(name)
    assert without == WITHOUT_ACTOR
