"""A period that has ended. Models are imported inside: settings are not known here yet."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def within(transactional_db: None) -> Iterator[Any]:
    """Ann and Bob, who traded before the period and in it; it is not over yet."""
    from tests.integration.reports.past import BEGIN, past_exchange

    with past_exchange() as past:
        past.move(past.ann, "USD", "50000.00")
        past.move(past.bob, "USD", "1000000.00")
        past.move(past.bob, "BTC", "40")
        past.move(past.ann, "BTC", "0.5")
        past.trade(("buy", "1.0000", "20000.00"), ("buy", "0.5000", "20100.00"))
        past.now = BEGIN
        past.move(past.ann, "USD", "-1000.01")
        past.trade(("sell", "0.2000", "21000.00"), ("buy", "0.3000", "19000.00"))
        past.trade(("sell", "1.5000", "22000.37"), ("sell", "0.3000", "18000.00"))
        yield past


@pytest.fixture
def past(within: Any) -> Any:
    """Ann and Bob, who traded before the period, in it and after it."""
    from tests.integration.reports.past import END

    within.now = END
    within.trade(("buy", "0.1000", "23000.00"))
    within.move(within.ann, "USD", "7.00")
    return within


@pytest.fixture
def account(db: None) -> Any:
    """An account of somebody who never did anything."""
    from accounts.services import ensure_user
    from tests.actors import SYSTEM

    return ensure_user(by=SYSTEM, email="ann@example.com").accounts.get()
