"""Every bound of the tables, asked by each service before the tables would fail on it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from accounts import services
from accounts.money.selectors import get_balance
from tests.actors import SYSTEM
from tests.admin_walk import Watch
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import EXACT

pytestmark = pytest.mark.django_db

FULL = Decimal(10**20)
JUST = Decimal("99999999999999999999.99")
LONG = "x" * 2_000
NUL = "a\0b"


@pytest.fixture(scope="module")
def account(lasting: None) -> Any:
    services.create_asset(by=SYSTEM, code="USD", name="US dollar", scale=2)
    return services.ensure_user(by=SYSTEM, email="someone@example.com").accounts.get()


def _deposit(account: Any, **fields: Any) -> Any:
    given = {"asset": "USD", "amount": Decimal(1), "source": "gateway"}
    return services.deposit(by=SYSTEM, account_id=account.public_id, **(given | fields))


def _withdraw(account: Any, **fields: Any) -> Any:
    given = {"asset": "USD", "amount": Decimal(1)}
    return services.request_withdrawal(by=SYSTEM, account_id=account.public_id, **(given | fields))


def _adjust(account: Any, **fields: Any) -> Any:
    given = {"asset": "USD", "amount": Decimal(1), "reason": "correction"}
    return services.adjust_balance(by=SYSTEM, account_id=account.public_id, **(given | fields))


def _credit(account: Any, **fields: Any) -> Any:
    given = {"asset": "USD", "amount": Decimal(1), "external_reference": "wire-1", "reason": "seen"}
    return services.credit_deposit(by=SYSTEM, account_id=account.public_id, **(given | fields))


def _email(account: Any, *, email: str) -> Any:
    return services.create_user(by=SYSTEM, email=email)


def _account(account: Any, *, label: str) -> Any:
    return services.create_account(by=SYSTEM, owner_id=account.owner_id, label=label)


def _asset(account: Any, **fields: Any) -> Any:
    return services.create_asset(
        by=SYSTEM, **({"code": "EUR", "name": "Euro", "scale": 2} | fields)
    )


def _token(account: Any, *, label: str) -> Any:
    return services.create_token(by=SYSTEM, user_id=account.owner_id, scopes=["read"], label=label)


AMOUNTS = (FULL, Decimal(10**30), Decimal("0.001"), Decimal("NaN"), Decimal("Infinity"), Decimal(0))
DOORS: list[tuple[Callable[..., Any], str, tuple[Any, ...]]] = [
    (_deposit, "amount", (*AMOUNTS, Decimal(-1))),
    (_credit, "amount", (*AMOUNTS, Decimal(-1))),
    (_withdraw, "amount", (*AMOUNTS, Decimal(-1))),
    (_adjust, "amount", AMOUNTS),
    (_deposit, "key", ("", LONG, NUL)),
    (_deposit, "external_reference", ("", LONG, NUL)),
    (_deposit, "source", ("", LONG, NUL)),
    (_credit, "key", ("", LONG, NUL)),
    (_credit, "external_reference", ("", LONG, NUL)),
    (_credit, "reason", ("", LONG, NUL)),
    (_withdraw, "key", ("", LONG, NUL)),
    (_withdraw, "address", (LONG, NUL)),
    (_adjust, "reason", ("", LONG, NUL)),
    (_email, "email", (f"{'x' * 60}@{'.'.join(['y' * 60] * 4)}.com", LONG, NUL)),
    (_account, "label", (LONG, NUL)),
    (_asset, "name", (LONG, NUL)),
    (_asset, "code", ("X" * 17, "X", "E\0R", "eur")),
    (_asset, "scale", (19, -1)),
    (_token, "label", (LONG, NUL)),
]


@pytest.mark.parametrize(
    ("door", "field", "value"),
    [(door, field, value) for door, field, values in DOORS for value in values],
    ids=lambda part: getattr(part, "__name__", repr(part)[:20]),
)
def test_what_the_tables_cannot_hold_is_refused_before_them(
    account: Any, door: Callable[..., Any], field: str, value: Any
) -> None:
    with Watch() as watch, pytest.raises(ValidationFailed) as refused:
        door(account, **{field: value})

    assert refused.value.details
    assert not watch.has_changed


def test_a_balance_has_the_same_room_whoever_brings_the_money(account: Any, settings: Any) -> None:
    _deposit(account, amount=JUST - 1)

    with pytest.raises(ValidationFailed, match="too large"):
        _credit(account, amount=Decimal("1.01"))
    for door in (_deposit, _adjust):
        with pytest.raises(ValidationFailed, match="too large"):
            door(account, amount=Decimal("1.01"))
        door(account, amount=Decimal("0.01"))

    # What a withdrawal holds still counts, and comes back whole.
    settings.ZAVORA_FAUCET = False  # where nothing is paid out at once
    held = _withdraw(account, amount=JUST - 2, address="somewhere")
    with pytest.raises(ValidationFailed, match="too large"):
        _deposit(account, amount=Decimal(2))
    services.cancel_withdrawal(by=SYSTEM, withdrawal_id=held.pk)
    balance = get_balance(account.public_id, "USD")
    assert balance is not None
    assert (balance.available, balance.locked) == (EXACT.subtract(JUST, Decimal("0.98")), 0)
