"""No edge decides about money or rights by a flag: the services ask an actor for a permission."""

import re
from pathlib import Path

from zavora.foundation.admin import base
from zavora.runner.home import PROJECT_DIR

PACKAGES = ("accounts", "api", "matching", "marketdata", "zavora")
# Where the flags may stand: their columns, the services that ask or set them, pages that show them.
MAY_NAME_FLAGS = {
    # The door of the operators' pages: who gets in, not what they may do there.
    "accounts/pages/door.py",
    "accounts/pages/forms.py",
    "accounts/access/actor.py",
    "accounts/access/page_actors.py",  # makes the actors of pages
    "accounts/admin/people.py",
    "accounts/models/people.py",
    "accounts/people/services.py",
    "accounts/people/password_links.py",
    "accounts/access/rights.py",
    "accounts/people/roles.py",
    "zavora/demo/loading.py",
    "zavora/desk/customer.py",
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


def test_no_app_rewrites_the_pages_of_another():
    """An app above adds what it knows by ``add_to``; nobody assigns to a class of pages."""
    found = []
    for package in PACKAGES:
        for path in (Path(PROJECT_DIR) / package).rglob("*.py"):
            found += re.findall(r"^\w+Admin\.\w+ = .*", path.read_text(), re.MULTILINE)
    assert found == []


def test_additions_to_pages_add_up_whoever_comes_first(monkeypatch):
    monkeypatch.setattr(base, "_additions", {})
    orders, fills = base.Related("matching.order", str), base.Related("matching.trade", str)
    base.add_to("accounts.user", base.Additions(related=(orders,), searched_by=("order id",)))
    base.add_to("accounts.user", base.Additions(related=(fills,), actions=(print,)))

    assert base.additions_to("accounts.user") == base.Additions(
        actions=(print,), related=(orders, fills), searched_by=("order id",)
    )
    assert base.additions_to("accounts.account") == base.Additions()
