"""People and money for the tests of accounts.

Models are imported inside the fixtures: this file is read before Django knows its settings.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.actors import SYSTEM


@pytest.fixture(scope="module", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Let hashes of passwords cost next to nothing, where a test does not ask for real ones."""
    from django.test import override_settings

    from tests.quick_hashes import QUICK_HASHERS

    with override_settings(PASSWORD_HASHERS=QUICK_HASHERS):
        yield


@pytest.fixture
def real_hashes(quick_hashes: None, settings: Any) -> None:
    """Let passwords be hashed as they are in a running exchange."""
    from zavora.settings import PASSWORD_HASHERS

    settings.PASSWORD_HASHERS = PASSWORD_HASHERS


@pytest.fixture(scope="module")
def lasting(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let fixtures of a module write rows for all of its tests; they are taken back at its end.

    What a test writes is taken back at the test's end as ever. Not for a module with tests of
    transactions: this one is open all the while.
    """
    from django.db import transaction

    with django_db_blocker.unblock():
        # Django keeps this mark for its own test cases: a durable block may begin within.
        around = transaction.atomic()
        around._from_testcase = True
        with around:
            yield
            transaction.set_rollback(True)


@pytest.fixture(scope="module")
def lasting_desk(lasting: None) -> Any:
    """The people of ``desk``, made once for a module."""
    from django.test import override_settings

    with override_settings(ZAVORA_FAUCET=False):
        return _filled_desk()


@pytest.fixture(scope="module")
def lasting_things(lasting: None) -> Any:
    """What Ann and a boss of the staff have, made once for a module, by their names."""
    from django.test import override_settings

    from accounts.services import create_asset
    from tests.desk_rows import end_here
    from tests.rules.refused import things_of

    create_asset(by=SYSTEM, code="USD", name="US dollar", scale=8)
    with override_settings(ZAVORA_FAUCET=False):
        made = {"ann": things_of("ann"), "boss": things_of("boss", is_staff=True)}
    end_here()
    return made


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
    settings.ZAVORA_FAUCET = False  # withdrawals wait
    return _filled_desk()


def _filled_desk() -> Any:
    from tests.desk_rows import make_desk

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
