"""Gains by two formulas against naive accountants, who keep every purchase in a list for good."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from zavora.reports.gains import MarketGains, Purchase

SCALE = 2
CENT = Decimal("0.01")
WIDE = Context(prec=200)
quantities = st.integers(1, 10**9).map(lambda units: Decimal(units).scaleb(-8))
amounts = st.integers(0, 10**12).map(lambda units: Decimal(units).scaleb(-SCALE))
fills = st.lists(st.tuples(st.booleans(), quantities, amounts), max_size=40)


def rounded(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The same share by another way: division in 200 digits, then the cents."""
    exact = WIDE.divide(WIDE.multiply(amount, part), whole)
    return amount if part == whole else exact.quantize(CENT, ROUND_HALF_EVEN, WIDE)


def naive(history: list[Any]) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Return (FIFO, average, without cost) of each sale; no sum is kept from one to the next."""
    gains = []
    lots: list[list[Decimal]] = []
    heap: list[list[Decimal]] = []
    for is_buy, quantity, amount in history:
        if is_buy:
            lots.append([quantity, amount])
            heap.append([quantity, amount])
            continue
        known = min(quantity, sum((lot[0] for lot in lots), Decimal(0)))
        left, fifo_cost = known, Decimal(0)
        for lot in lots:
            part = min(left, lot[0])
            if part:
                cost = rounded(lot[1], part, lot[0])
                lot[:] = [lot[0] - part, lot[1] - cost]
                left, fifo_cost = left - part, fifo_cost + cost
        lots = [lot for lot in lots if lot[0]]
        held = sum((lot[0] for lot in heap), Decimal(0))
        paid = sum((lot[1] for lot in heap), Decimal(0))
        average_cost = rounded(paid, known, held) if known else Decimal(0)
        heap = [[held - known, paid - average_cost]]
        earned = rounded(amount, known, quantity)
        gains.append((earned - fifo_cost, earned - average_cost, quantity - known))
    return gains


def ours(history: list[Any]) -> tuple[list[tuple[Decimal, Decimal, Decimal]], MarketGains]:
    purchases = (
        Purchase(number, quantity, amount)
        for number, (is_buy, quantity, amount) in enumerate(history)
        if is_buy
    )
    market, gains = MarketGains(purchases, SCALE), []
    for number, (is_buy, quantity, amount) in enumerate(history):
        if is_buy:
            market.buy(quantity, amount)
        else:
            gain = market.sell(quantity, amount, trade_id=number)
            gains.append((gain.fifo, gain.average, gain.unknown_quantity))
    return gains, market


@given(fills)
@example([(False, Decimal(2), Decimal(9)), (True, Decimal(2), Decimal(5))])
@example([(True, Decimal(1), Decimal("0.05")), (False, Decimal("0.5"), Decimal(1))])
def test_gains_are_those_of_a_naive_accountant(history: list[Any]) -> None:
    assert ours(history)[0] == naive(history)


@given(fills)
def test_nothing_is_lost_or_made(history: list[Any]) -> None:
    """All gains and the cost of what is left make what was earned less what was paid."""
    gains, market = ours(history)

    paid = sum((amount for is_buy, _, amount in history if is_buy), Decimal(0))
    earned = Decimal(0)
    for (_, quantity, amount), gain in zip(
        [fill for fill in history if not fill[0]], gains, strict=True
    ):
        earned += rounded(amount, quantity - gain[2], quantity)
    assert sum((gain[0] for gain in gains), Decimal(0)) == earned - paid + market.fifo_cost
    assert sum((gain[1] for gain in gains), Decimal(0)) == earned - paid + market.average_cost


def test_an_example_of_a_textbook() -> None:
    """100 at 10, then 100 at 14; 150 are sold at 20: 1,300 and 1,200 (IAS 2, 27)."""
    history = [
        (True, Decimal(100), Decimal(1_000)),
        (True, Decimal(100), Decimal(1_400)),
        (False, Decimal(150), Decimal(3_000)),
    ]
    gains, market = ours(history)

    assert gains == [(Decimal(1_300), Decimal(1_200), Decimal(0))]
    assert (market.fifo_cost, market.average_cost) == (Decimal(700), Decimal(600))


def test_what_was_deposited_makes_no_gain() -> None:
    history = [(False, Decimal(2), Decimal(50)), (True, Decimal(1), Decimal(30))]

    assert ours(history)[0] == [(Decimal(0), Decimal(0), Decimal(2))]
