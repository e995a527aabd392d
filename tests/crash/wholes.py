"""What is one thing of several parts, and must not fall apart: replacements, batches, exchanges.

Pure, as ``tests.crash.notes``, which asks.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.crash.notes import OrderStored


@dataclass(frozen=True, slots=True)
class ReplacedTold:
    """What a replacement's answer said of both halves; ``key`` is the new order's name."""

    account: str
    key: str
    old_id: int
    # Whether the new order was to be placed in any case.
    goes_on: bool
    is_cancelled: bool
    # None: there is no new order.
    new_id: int | None


@dataclass(frozen=True, slots=True)
class PreventedTold:
    """Two orders of one owner that met, as one of them was pushed it."""

    order_id: int
    is_maker: bool
    mode: str
    price: Decimal
    quantity: Decimal

    @classmethod
    def of(cls, shape: dict[str, Any], order_id: int) -> "PreventedTold":
        """Read what the API says of a prevention."""
        is_maker, mode = shape["liquidity"] == "Maker", shape["mode"].lower()
        return cls(order_id, is_maker, mode, Decimal(shape["price"]), Decimal(shape["quantity"]))


@dataclass(frozen=True, slots=True)
class PreventedStored:
    """A prevented match's row, and what its ledger entries moved."""

    match_id: int
    mode: str
    price: Decimal
    quantity: Decimal
    maker_order_id: int
    taker_order_id: int
    moved: tuple[Decimal, ...]


def torn_replacements(
    told: Sequence[ReplacedTold], orders: Mapping[int, "OrderStored"]
) -> Iterator[str]:
    """Yield replacements of which one half is not as it was told, or is there without the other."""
    by_name = {(row.account, row.client_order_id): row.order_id for row in orders.values()}
    for one in told:
        new_id = by_name.get((one.account, one.key))
        if new_id != one.new_id:
            yield f"replacement {one.key}: new order told {one.new_id}, stored {new_id}"
        old = orders.get(one.old_id)
        is_cancelled = old is not None and old.status == "cancelled"
        if one.is_cancelled and not is_cancelled:
            yield f"replacement {one.key}: told that {one.old_id} is cancelled, and it is not"
        if not (one.is_cancelled or one.goes_on) and new_id is not None:
            yield f"replacement {one.key}: placed {new_id} without its cancel"


def part_name(request_id: str, shard: int) -> str:
    """Return what that part of a batch is called whose markets are in a shard."""
    return f"{request_id} in shard {shard}" if shard else request_id


def torn_batches(asked: Mapping[str, int], rows: Counter[str]) -> Iterator[str]:
    """Yield parts of which the journal has some orders and not all: one commit settles them."""
    for request_id, orders in asked.items():
        if rows[request_id] not in (0, orders):
            yield f"batch {request_id}: of {orders} orders {rows[request_id]} are in the journal"


def lost_preventions(
    told: Sequence[PreventedTold], rows: Sequence[PreventedStored]
) -> Iterator[str]:
    """Yield preventions without a row, and rows whose ledger entries are not what was exchanged."""
    stored = set()
    for row in rows:
        figures = (row.mode, row.price, row.quantity)
        stored.add(PreventedTold(row.maker_order_id, True, *figures))
        stored.add(PreventedTold(row.taker_order_id, False, *figures))
        amount = row.price * row.quantity
        due = (row.quantity, -row.quantity, amount, -amount) if row.mode == "transfer" else ()
        if sorted(row.moved) != sorted(due):
            yield f"prevented match {row.match_id}: {due} to exchange, exchanged {row.moved}"
    for one in told:
        if one not in stored:
            yield f"prevention of order {one.order_id}: told {one}, and not in the tables"
