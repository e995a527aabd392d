"""What holdings cost and brought, against a naive accountant who works with exact fractions."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tests.property.naive_portfolio import Accountant, Posted, Traded, rounded
from zavora.portfolio.accounting import (
    AccountState,
    Entry,
    Holding,
    Sides,
    count,
    from_plain,
    merged,
    to_plain,
)

# The currency, two assets that are traded for it and for each other, and scales of all.
EUR, BTC, ETH = 1, 2, 3
SCALES = {EUR: 2, BTC: 8, ETH: 4}
ACCOUNTS = (10, 11)

accounts = st.sampled_from(ACCOUNTS)
assets = st.sampled_from((EUR, BTC, ETH))
units = st.one_of(st.integers(1, 50), st.integers(1, 10**12))
# What one smallest unit of BTC and ETH is worth in cents then; None: nobody knows.
price = st.one_of(st.none(), st.fractions(Fraction(1, 10**9), 10**4))
fee = st.one_of(st.just(0), st.integers(-5, 5), st.integers(-(10**6), 10**9))
step = st.one_of(
    st.tuples(st.just("deposit"), accounts, assets, units),
    st.tuples(st.just("withdrawal"), accounts, assets, units),
    st.tuples(st.just("adjustment"), accounts, assets, units.map(lambda one: -one)),
    st.tuples(st.just("transfer"), st.booleans(), assets, units),
    st.tuples(st.just("prevented"), st.booleans(), units, units),
    # Who, buys, base, quote, amounts, fees in base and quote, whether it is the maker.
    st.tuples(
        st.just("trade"), accounts, st.booleans(),
        st.sampled_from(((BTC, EUR), (ETH, EUR), (ETH, BTC), (EUR, BTC))),
        units, units, fee, fee, st.booleans(),
    ),
    st.tuples(st.just("self"), accounts, units, units, fee, fee),
)  # fmt: skip
histories = st.lists(st.tuples(step, price, price), max_size=30)


def entries_of(step: Any) -> tuple[list[Entry], Sides | None]:
    kind = step[0]
    if kind in ("deposit", "withdrawal", "adjustment"):
        _, account, asset, amount = step
        return [Entry(account, asset, kind, -amount if kind == "withdrawal" else amount)], None
    if kind == "transfer":
        _, is_back, asset, amount = step
        one, other = ACCOUNTS[::-1] if is_back else ACCOUNTS
        return [Entry(one, asset, kind, -amount), Entry(other, asset, kind, amount)], None
    if kind == "prevented":
        _, is_back, base, quote = step
        one, other = ACCOUNTS[::-1] if is_back else ACCOUNTS
        return [
            Entry(one, BTC, kind, base), Entry(other, BTC, kind, -base),
            Entry(one, EUR, kind, -quote), Entry(other, EUR, kind, quote),
        ], None  # fmt: skip
    if kind == "self":
        _, account, base, quote, base_fee, quote_fee = step
        entries = [
            Entry(account, BTC, "trade", base), Entry(account, EUR, "trade", -quote),
            Entry(account, BTC, "trade", -base), Entry(account, EUR, "trade", quote),
        ]  # fmt: skip
        pair, is_maker, other = (BTC, EUR), True, account
    else:
        _, account, is_buy, pair, base, quote, base_fee, quote_fee, is_maker = step
        sign = 1 if is_buy else -1
        entries = [
            Entry(account, pair[0], "trade", sign * base),
            Entry(account, pair[1], "trade", -sign * quote),
        ]
        other = 99
    entries += [
        Entry(account, asset, "fee", -paid)
        for asset, paid in zip(pair, (base_fee, quote_fee), strict=True)
        if paid
    ]
    maker, taker = (account, other) if is_maker else (other, account)
    return entries, Sides(pair[1], maker, taker)


def run(history: list[Any]) -> tuple[dict[int, AccountState], Accountant, list[Entry]]:
    states = {account: AccountState() for account in ACCOUNTS}
    accountant, posted = Accountant(EUR, SCALES), []
    for one, btc, eth in history:
        entries, sides = entries_of(one)
        cents = {BTC: btc, ETH: eth}

        def value_of(asset: int, units: int, cents: Any = cents) -> int | None:
            if asset == EUR:
                return units
            return None if cents[asset] is None else round(units * cents[asset])

        def worth(asset: int, amount: Decimal, cents: Any = cents) -> Decimal | None:
            if asset == EUR or cents[asset] is None:
                return amount if asset == EUR else None
            return rounded(Fraction(amount) * cents[asset] * 10 ** SCALES[asset] / 100, 2)

        count(states, entries, sides=sides, currency_id=EUR, value_of=value_of)
        # What is kept and read again is the same.
        states = {account: from_plain(to_plain(state)) for account, state in states.items()}
        accountant.book(
            [
                Posted(x.account_id, x.asset_id, x.kind, people(x.units, x.asset_id))
                for x in entries
            ],
            None if sides is None else Traded(sides.quote_id, sides.maker_id, sides.taker_id),
            worth,
        )
        posted += entries
    return states, accountant, posted


def people(units: int, asset: int) -> Decimal:
    return Decimal(units).scaleb(-SCALES[asset])


@given(histories)
@example(
    [(("deposit", 10, BTC, 3), Fraction(1, 3), None), (("withdrawal", 10, BTC, 2), None, None)]
)
@example(
    [
        (("deposit", 10, BTC, 7), None, None),
        (("trade", 10, False, (BTC, EUR), 5, 100, 0, -3, True), None, None),
    ]
)
def test_figures_are_those_of_a_naive_accountant_to_the_last_unit(history: list[Any]) -> None:
    states, accountant, posted = run(history)
    for account, state in states.items():
        for asset in SCALES:
            one = state.of(asset)
            heap = [
                people(one.costed, asset),
                people(one.cost, EUR),
                people(one.uncosted, asset),
            ]
            assert heap == accountant.heaps[account, asset]
            assert people(one.realised, EUR) == accountant.results[account, asset]
            assert people(one.fees, asset) == accountant.fees[account, asset]
            given = sum(x.units for x in posted if (x.account_id, x.asset_id) == (account, asset))
            assert one.quantity == given
        assert people(state.flows, EUR) == accountant.flows[account]
        fees = sum(one.fees_value for one in state.holdings.values())
        assert people(fees, EUR) == accountant.fee_values[account]
        assert people(state.maker_volume, EUR) == accountant.maker_volumes[account]
        assert people(state.taker_volume, EUR) == accountant.taker_volumes[account]
        # Nothing is made from nothing, in one account or in all.
        assert state.cost == state.flows + state.realised
    whole = merged(list(states.values()))
    assert whole.cost == whole.flows + whole.realised
    assert whole.of(EUR).quantity == sum(one.units for one in posted if one.asset_id == EUR)


def test_the_cost_of_a_purchase_has_its_fee_and_a_sale_brings_less_by_it() -> None:
    history = [
        (("deposit", 10, EUR, 300_00), None, None),
        # 1 BTC for 200 with 0.01 BTC of fee: 0.99 cost 200; half of that sold for 150 less 1.
        (("trade", 10, True, (BTC, EUR), 10**8, 200_00, 10**6, 0, False), None, None),
        (("trade", 10, False, (BTC, EUR), 49_500_000, 150_00, 0, 1_00, True), None, None),
    ]
    states, _, _ = run(history)
    state = states[10]
    assert state.of(BTC) == Holding(49_500_000, 100_00, 0, 49_00, 10**6, 0)
    assert (state.of(EUR).quantity, state.of(EUR).cost, state.of(EUR).realised) == (
        249_00,
        249_00,
        0,
    )
    assert (state.maker_volume, state.taker_volume) == (150_00, 200_00)


def test_a_transfer_carries_cost_and_realises_nothing() -> None:
    history = [
        (("deposit", 10, BTC, 4), Fraction(100), None),
        (("transfer", False, BTC, 1), Fraction(900), None),
        (("withdrawal", 11, BTC, 1), Fraction(250), None),
    ]
    states, _, _ = run(history)
    assert (states[10].of(BTC).cost, states[10].realised, states[10].carried_out) == (300, 0, 100)
    assert (states[11].withdrawn, states[11].realised, states[11].carried_in) == (250, 150, 100)
