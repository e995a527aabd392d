"""A naive accountant, who works in the units people read and rounds where the rules say so.

For each account and asset it keeps what has a cost, that cost, and what has none. It knows nothing
of how ours keeps its figures; what they have in common is docs/portfolio.md.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

WIDE = Context(prec=300)
NOTHING = Decimal(0)
Worth = Callable[[int, Decimal], Decimal | None]


class Posted(NamedTuple):
    """An entry of the ledger."""

    account: int
    asset: int
    kind: str
    amount: Decimal


class Traded(NamedTuple):
    """Of a trade: its quote asset, and whose orders met."""

    quote: int
    maker: int
    taker: int


def rounded(exact: Fraction, scale: int) -> Decimal:
    """Round by another way than ours: a division in 300 digits, then the last unit."""
    quotient = WIDE.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return quotient.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN, WIDE)


class Accountant:
    """Counts one transaction of the ledger after another; ``worth`` says values of that time."""

    def __init__(self, currency: int, scales: Mapping[int, int]) -> None:
        self.currency, self.scales = currency, scales
        # By account and asset: what has a cost, that cost, what has none.
        self.heaps: dict[tuple[int, int], list[Decimal]] = defaultdict(lambda: [NOTHING] * 3)
        self.results: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
        self.fees: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
        self.flows: dict[int, Decimal] = defaultdict(Decimal)
        self.fee_values: dict[int, Decimal] = defaultdict(Decimal)
        self.maker_volumes: dict[int, Decimal] = defaultdict(Decimal)
        self.taker_volumes: dict[int, Decimal] = defaultdict(Decimal)

    def part(self, amount: Decimal, part: Decimal, whole: Decimal, scale: int) -> Decimal:
        return rounded(Fraction(amount) * Fraction(part) / Fraction(whole), scale)

    def book(self, posted: Sequence[Posted], traded: Traded | None, worth: Worth) -> None:
        kinds = {one.kind for one in posted}
        if kinds <= {"trade", "fee"}:
            for account in dict.fromkeys(one.account for one in posted):
                self.trade(
                    account, [one for one in posted if one.account == account], traded, worth
                )
        elif kinds <= {"transfer", "prevented"}:
            for asset in dict.fromkeys(one.asset for one in posted):
                giver, taker = sorted((one for one in posted if one.asset == asset), key=by_amount)
                known, cost = self.take(giver.account, asset, taker.amount)
                self.flows[giver.account] -= cost
                self.flows[taker.account] += cost
                self.put(taker.account, asset, known, cost, taker.amount - known)
        else:
            for one in posted:
                self.move(one, worth(one.asset, abs(one.amount)))

    def move(self, one: Posted, value: Decimal | None) -> None:
        if one.amount > 0:
            self.flows[one.account] += value or NOTHING
            known = NOTHING if value is None else one.amount
            self.put(one.account, one.asset, known, value or NOTHING, one.amount - known)
            return
        known, cost = self.take(one.account, one.asset, -one.amount)
        left = cost if value is None else self.part(value, known, -one.amount, self.scale)
        self.flows[one.account] -= left
        self.results[one.account, one.asset] += left - cost

    @property
    def scale(self) -> int:
        return self.scales[self.currency]

    def trade(
        self, account: int, own: Sequence[Posted], traded: Traded | None, worth: Worth
    ) -> None:
        net: dict[int, Decimal] = defaultdict(Decimal)
        for one in own:
            net[one.asset] += one.amount
            if one.kind == "fee":
                self.fees[account, one.asset] -= one.amount
                self.fee_values[account] += worth(one.asset, -one.amount) or 0
        assert traded is not None
        quoted = max(abs(x.amount) for x in own if x.asset == traded.quote and x.kind == "trade")
        if traded.maker == account:
            self.maker_volumes[account] += worth(traded.quote, quoted) or 0
        if traded.taker == account:
            self.taker_volumes[account] += worth(traded.quote, quoted) or 0
        gone = {asset: -one for asset, one in net.items() if one < 0}
        come = {asset: one for asset, one in net.items() if one > 0}
        if len(gone) == len(come) == 1:
            self.exchange(account, (*gone.items(), *come.items()), traded, worth)
            return
        for asset, amount in gone.items():
            self.results[account, asset] -= self.take(account, asset, amount)[1]
        for asset, amount in come.items():
            value = worth(asset, amount)
            self.results[account, asset] += value or 0
            known = NOTHING if value is None else amount
            self.put(account, asset, known, value or NOTHING, amount - known)

    def exchange(
        self,
        account: int,
        both: tuple[tuple[int, Decimal], ...],
        traded: Traded,
        worth: Worth,
    ) -> None:
        (given, paid), (got, amount) = both
        pair = dict(both)
        if self.currency in pair:
            value: Decimal | None = pair[self.currency]
        else:
            (base,) = pair.keys() - {traded.quote}
            value = worth(traded.quote, pair[traded.quote])
            value = worth(base, pair[base]) if value is None else value
        known, cost = self.take(account, given, paid)
        if value is None:
            carried = self.part(amount, known, paid, self.scales[got])
            if not carried:
                self.results[account, given] -= cost
                cost = NOTHING
            self.put(account, got, carried, cost, amount - carried)
            return
        part = self.part(value, known, paid, self.scale)
        self.results[account, given] += part - cost
        self.flows[account] += value - part
        self.put(account, got, amount, value, NOTHING)

    def put(self, account: int, asset: int, known: Decimal, cost: Decimal, other: Decimal) -> None:
        heap = self.heaps[account, asset]
        heap[2] += other
        owed = min(known, max(NOTHING, -heap[2]))
        if owed:
            lost = self.part(cost, owed, known, self.scale)
            self.results[account, asset] -= lost
            known, cost = known - owed, cost - lost
            heap[2] += owed
        heap[0] += known
        heap[1] += cost

    def take(self, account: int, asset: int, amount: Decimal) -> tuple[Decimal, Decimal]:
        heap = self.heaps[account, asset]
        known = min(heap[0], amount)
        cost = self.part(heap[1], known, heap[0], self.scale) if known else known
        heap[0] -= known
        heap[1] -= cost
        heap[2] -= amount - known
        return known, cost


def by_amount(one: Posted) -> Decimal:
    return one.amount
