"""People and money for the tests of accounts.

Models are imported inside the fixtures: this file is read before Django knows its settings.
"""

from decimal import Decimal
from typing import Any

import pytest

from tests.actors import SYSTEM


@pytest.fixture
def usd(db: None) -> Any:
    from accounts.services import create_asset

    return create_asset(by=SYSTEM, code="USD", name="US dollar", scale=8)


@pytest.fixture
def btc(db: None) -> Any:
    from accounts.services import create_asset

    return create_asset(by=SYSTEM, code="BTC", name="Bitcoin", scale=8)


@pytest.fixture
def user(db: None) -> Any:
    from accounts.services import ensure_user

    return ensure_user(by=SYSTEM, email="ann@example.com")


@pytest.fixture
def account(user: Any) -> Any:
    return user.accounts.get()


@pytest.fixture
def funded(account: Any, usd: Any) -> Any:
    """An account with 100 USD."""
    from accounts.services import deposit

    deposit(
        by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal(100), source="bank"
    )
    return account


@pytest.fixture
def desk(db: None, settings: Any) -> Any:
    """Ann, somebody whose address begins like hers, and Bob, who traded with each other."""
    from tests.desk_rows import make_desk

    settings.ZAVORA_FAUCET = False  # withdrawals wait
    desk = make_desk()
    for email in ("ann@example.com", "ann@example.com.au", "bob@example.com"):
        desk.add(email)
    return desk


@pytest.fixture
def desk_operator(desk: Any, client: Any) -> Any:
    """A browser of somebody who may do everything."""
    from accounts.services import ensure_user

    email = "op@zavora.example"
    client.force_login(ensure_user(by=SYSTEM, email=email, is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def staff(desk: Any) -> Any:
    """Return what makes the browser of somebody who may do what is named, and nothing else."""
    from django.contrib.auth.models import Permission
    from django.test import Client

    from accounts.services import ensure_user

    def browser(*names: str) -> Any:
        user = ensure_user(by=SYSTEM, email="clerk@example.com", is_staff=True)
        wanted = {tuple(name.split(".")) for name in names}
        user.user_permissions.set(
            one
            for one in Permission.objects.select_related("content_type")
            if (one.content_type.app_label, one.codename) in wanted
        )
        client = Client()
        client.force_login(user)
        return client

    return browser
