"""Markets and funded accounts on the real database, and a shard to apply commands to."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from matching.commands.cancel import CancelOrder
from matching.commands.place import PlaceOrder
from tests.actors import SYSTEM

TIME_US = 1_760_000_000_000_000


class Bench:
    """Two funded accounts and a market on an offline shard; commands get a time of their own."""

    def __init__(self, shard: Any, accounts: list[Any]) -> None:
        self.shard = shard
        self.accounts = accounts
        self.time_us = TIME_US

    def market(self, symbol: str = "BTC/USD", **rules: Any) -> int:
        from matching.services import new_market_command

        base, quote = symbol.split("/")
        figures: dict[str, Any] = {"tick_size": Decimal("0.01"), "lot_size": Decimal("0.00001")}
        command = new_market_command(by=SYSTEM, base=base, quote=quote, **(figures | rules))
        (reply,) = self.apply(command)
        assert reply.code == ""
        return command.market_id

    def apply(self, *commands: Any) -> list[Any]:
        self.time_us += 1_000
        replies: list[Any] = self.shard.apply(commands, time_us=self.time_us)
        return replies

    def order(self, who: int, market: int, text: str, **fields: Any) -> Any:
        """Return the command of e.g. ``buy 1 @ 20000`` for an account."""

        side, quantity, _, price = text.split()
        given: dict[str, Any] = {
            "account_id": self.accounts[who].pk,
            "market_id": market,
            "side": side,
            "order_type": "limit",
            "time_in_force": "gtc",
            "post_only": False,
            "price": price,
            "quantity": quantity,
            "quote_quantity": None,
            "client_order_id": None,
            "key": None,
            "deadline_ms": 2**50,
        }
        return PlaceOrder(**(given | fields))

    def cancel(self, who: int, market: int, order_id: int) -> Any:
        """Return the command that cancels an account's order."""

        return CancelOrder(self.accounts[who].pk, market, order_id)

    def open_orders(self, who: int) -> list[Any]:
        """Return an account's open orders, oldest first."""
        from matching.models import Order

        rows = Order.objects.filter(account=self.accounts[who], status__in=("new",))
        return list(rows.order_by("pk"))

    @contextmanager
    def anew(self) -> Iterator[None]:
        """Leave the shard and own it again, rebuilt from the tables."""
        from matching.worker.offline import OfflineShard

        former, self.shard = self.shard, OfflineShard(0)
        former.__exit__(None, None, None)
        with self.shard:
            yield

    def balance(self, who: int, asset: str) -> tuple[Decimal, Decimal]:
        """Return what an account has available and locked."""
        from accounts.money.selectors import get_balance

        balance = get_balance(self.accounts[who].public_id, asset)
        return (Decimal(0), Decimal(0)) if balance is None else (balance.available, balance.locked)

    def state_hash(self) -> str:
        """Return the hash of the engine in memory."""
        return str(self.shard.state_hash())


@pytest.fixture
def accounts(transactional_db: None) -> list[Any]:
    from accounts.services import create_asset, deposit, ensure_user

    for code in ("BTC", "USD"):
        create_asset(by=SYSTEM, code=code, name=code, scale=8)
    found = []
    for name in ("first", "second"):
        account = ensure_user(by=SYSTEM, email=f"{name}@example.com").accounts.get()
        for asset, amount in (("USD", 100_000), ("BTC", 10)):
            deposit(
                by=SYSTEM,
                account_id=account.public_id,
                asset=asset,
                amount=Decimal(amount),
                source="bank",
            )
        found.append(account)
    return found


@pytest.fixture
def bench(accounts: list[Any]) -> Iterator[Bench]:
    from matching.worker.offline import OfflineShard

    with OfflineShard(0) as shard:
        yield Bench(shard, accounts)


@pytest.fixture
def months(transactional_db: None) -> Iterator[None]:
    """Tables of months since before ``years`` traded."""
    from tests.integration.matching.partition_setup import FIRST
    from tests.integration.months import months_since

    with months_since(f"{FIRST[:4]}-{FIRST[4:]}-01"):
        yield


@pytest.fixture
def years(months: None, bench: Bench) -> Bench:
    """An exchange that traded in three months, and has nothing open of the first two."""
    from tests.integration.matching.partition_setup import trade_in_months

    return trade_in_months(bench)


# A market, two people with funds, and a worker that is driven by hand. Imported late: this file is
# read before Django is set up.


@pytest.fixture
def market(transactional_db: None) -> Any:
    from tests.integration.matching.worker_setup import make_market

    return make_market("BTC", "USD")


@pytest.fixture
def ann(market: Any) -> Any:
    from tests.integration.matching.worker_setup import make_account

    return make_account("ann", USD="1000", BTC="10")


@pytest.fixture
def bob(market: Any) -> Any:
    from tests.integration.matching.worker_setup import make_account

    return make_account("bob", USD="1000", BTC="10")


@pytest.fixture
def worker(market: Any, ann: Any, bob: Any) -> Iterator[Any]:
    from tests.integration.matching.worker_setup import driven_worker

    with driven_worker() as owner:
        yield owner
