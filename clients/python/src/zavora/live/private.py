"""The caller's own orders, fills and balances: told as they change, and caught up with by REST.

`prepare` notes where it begins, `begin` catches up after each connection, and what was told already
is not told again. Where an exchange goes on from a sequence, `begin` is what would ask for that.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from zavora.errors import NotFound
from zavora.live.feeds import Feed
from zavora.live.messages import OrderEvent, OwnFill, Push
from zavora.models import Balance, Fill, Order

if TYPE_CHECKING:
    from zavora.live.stream import AsyncStream

REMEMBERED_MAX: Final = 20_000
# Two shards commit by two clocks: what is read again from so long before cannot have been missed.
OVERLAP: Final = timedelta(seconds=30)
LISTED: Final = "Listed"
OPEN: Final = "Open"

# How far an order is: it never goes back.
Stage = tuple[datetime, Decimal, bool]


class OrderFeed(Feed[OrderEvent]):
    """One's own orders: first those that are open, then each step. `open_orders` are as of now."""

    channel = "orders"
    KIND = Order

    def __init__(self, stream: "AsyncStream") -> None:
        super().__init__(stream)
        self.open_orders: dict[str, Order] = {}
        self._stages: OrderedDict[str, Stage] = OrderedDict()
        # Of each account: when its newest order was placed that is known.
        self._newest: dict[str, datetime] = {}

    def push(self, push: Push) -> None:
        """Take a step of an order."""
        order: Order = self.read(push)
        self._merge(OrderEvent(order, push.change or "", push.prevention))

    async def prepare(self) -> None:
        """Note which orders ended before they were followed."""
        client = self._stream.client
        for account in self._stream.accounts:
            for newest in await client.orders(account=account, page=1).take(1):
                start = newest.created_at - OVERLAP
                for order in await client.orders(start=start, account=account).all():
                    if not order.status.is_open:
                        self._note(order)

    async def begin(self) -> None:
        """Read the open orders, and what became of those that were open or placed meanwhile."""
        client, before, found = self._stream.client, set(self.open_orders), set[str]()
        for account in self._stream.accounts:
            newest = self._newest.get(account)
            start = None if newest is None else newest - OVERLAP
            for order in await client.orders(status=OPEN, account=account).all():
                found.add(order.id)
                self._merge(OrderEvent(order, LISTED))
            for order in reversed(await client.orders(start=start, account=account).all()):
                self._merge(OrderEvent(order, LISTED))
        for order_id in before - found:
            if order_id in self.open_orders:
                try:
                    self._merge(OrderEvent(await client.order(order_id), LISTED))
                except NotFound:
                    del self.open_orders[order_id]  # of an account that is not shared any more

    def _merge(self, event: OrderEvent) -> None:
        """Give a step on if it is news."""
        order, known = event.order, self._stages.get(event.order.id)
        is_told = known == _stage(order) and event.change == LISTED
        if known is None or (_stage(order) >= known and not is_told):
            self._note(order)
            self.put(event)

    def _note(self, order: Order) -> None:
        self._stages[order.id] = _stage(order)
        self._stages.move_to_end(order.id)
        self._newest[order.user_id] = max(
            order.created_at, self._newest.get(order.user_id, order.created_at)
        )
        if order.status.is_open:
            self.open_orders[order.id] = order
        else:
            self.open_orders.pop(order.id, None)
        while len(self._stages) > REMEMBERED_MAX + len(self.open_orders):
            self._stages.popitem(last=False)


class FillFeed(Feed[OwnFill]):
    """One's own fills from now on, each once, also those of times without a connection."""

    channel = "fills"
    KIND = OwnFill

    def __init__(self, stream: "AsyncStream") -> None:
        super().__init__(stream)
        self._seen: OrderedDict[tuple[str, int, str], None] = OrderedDict()
        # Of each account: when its newest fill was made that is known.
        self._newest: dict[str, datetime] = {}
        # What is told while the past is still to be read comes after it.
        self._held: list[OwnFill] | None = []

    def push(self, push: Push) -> None:
        """Take a fill."""
        fill: OwnFill = self.read(push)
        if self._held is None:
            self._give(fill)
        elif len(self._held) < REMEMBERED_MAX:
            self._held.append(fill)

    def interrupt(self) -> None:
        """Hold back what is told until what was missed is read."""
        self._held = []

    async def prepare(self) -> None:
        """Note the fills that were made before they were followed."""
        client = self._stream.client
        for account in self._stream.accounts:
            for newest in await client.fills(account=account, page=1).take(1):
                start = newest.created_at - OVERLAP
                for fill in await client.fills(start=start, account=account).all():
                    self._note(_own(fill, account))

    async def begin(self) -> None:
        """Read the fills since the newest one that is known."""
        for account in self._stream.accounts:
            newest = self._newest.get(account)
            start = None if newest is None else newest - OVERLAP
            past = await self._stream.client.fills(start=start, account=account).all()
            for fill in reversed(past):
                self._give(_own(fill, account))
        held, self._held = self._held or [], None
        for fill in held:
            self._give(fill)

    def _give(self, fill: OwnFill) -> None:
        if fill.place not in self._seen:
            self._note(fill)
            self.put(fill)

    def _note(self, fill: OwnFill) -> None:
        self._seen[fill.place] = None
        newest = self._newest.get(fill.account_id, fill.created_at)
        self._newest[fill.account_id] = max(newest, fill.created_at)
        if len(self._seen) > REMEMBERED_MAX:
            self._seen.popitem(last=False)


class BalanceFeed(Feed[Balance]):
    """One's own balances: first all of them, then each as it changes. `balances` are as of now."""

    channel = "balances"
    KIND = Balance

    def __init__(self, stream: "AsyncStream") -> None:
        super().__init__(stream)
        self.balances: dict[tuple[str, str], Balance] = {}

    def push(self, push: Push) -> None:
        """Take a balance."""
        self._merge(self.read(push))

    async def begin(self) -> None:
        """Read all balances."""
        for account in self._stream.accounts:
            for balance in await self._stream.client.balances(account=account):
                self._merge(balance)

    def _merge(self, balance: Balance) -> None:
        place = balance.account_id, balance.asset
        known = self.balances.get(place)
        if known is None or (balance != known and balance.updated_at >= known.updated_at):
            self.balances[place] = balance
            self.put(balance)


def _stage(order: Order) -> Stage:
    return order.updated_at, order.filled_quantity, not order.status.is_open


def _own(fill: Fill, account: str) -> OwnFill:
    fields = {name: getattr(fill, name) for name in Fill.__struct_fields__}
    return OwnFill(**fields, account_id=account)
