"""What holdings cost and what they brought, by the weighted average, in one currency (ADR 54).

All figures are whole numbers: quantities in an asset's smallest unit, values in the currency's.
Each transaction of the ledger is counted as a whole, in the order of ids:

* **A deposit** (or an adjustment upwards) enters at its value at the time: ``cost += value``.
* **A trade** has one value: the net amount of the currency where it is one of the two assets, else
  the net quote amount at the rate of the time, else the net base amount at its rate. Net is after
  fees, so a fee makes what was bought dearer, or what was sold bring less. What goes takes its
  share of the cost with it, ``cost * part / quantity``; ``realised += value - that share``; what
  comes has the value for its cost.
* **A withdrawal** leaves at its value at the time; ``realised += value - share of the cost``.
* **A transfer** between two accounts of one owner carries the share of the cost over; nothing is
  realised. So does the exchange of two orders of one owner that met.

A quantity whose value was not known when it came has **no cost** (``uncosted``). It is the last to
go, makes no result, and what it brings is ``found``: money that entered when it was sold. Where a
trade's value is not known, what comes takes over the cost of what goes.

Every division is rounded half to even to the smallest unit, and what is left keeps the rest, so
this holds exactly, always, in each account::

    sum of costs = deposited - withdrawn + carried_in - carried_out + found + realised
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

ValueOf = Callable[[int, int], int | None]
TRADING: Final = frozenset({"trade", "fee"})
CARRYING: Final = frozenset({"transfer", "prevented"})


def half_even(numerator: int, denominator: int) -> int:
    """Divide by a positive number, rounded half to even."""
    whole, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return whole + (twice > denominator or (twice == denominator and whole % 2 == 1))


class Holding(msgspec.Struct, array_like=True, gc=False):
    """What an account has of an asset. ``costed`` of it has a cost, ``uncosted`` has none.

    ``fees``: paid in this asset, less rebates, and ``fees_value`` what that was worth.
    """

    costed: int = 0
    cost: int = 0
    uncosted: int = 0
    realised: int = 0
    fees: int = 0
    fees_value: int = 0

    @property
    def quantity(self) -> int:
        """Return all of it."""
        return self.costed + self.uncosted

    def put(self, costed: int, cost: int, uncosted: int) -> None:
        """Add what comes in.

        Where more went than was there (ids of two shards may stand the other way round within a
        moment), what comes first makes up for that, and its cost is a loss.
        """
        self.uncosted += uncosted
        if self.uncosted < 0 and costed:
            made_up = min(-self.uncosted, costed)
            lost = half_even(cost * made_up, costed)
            self.uncosted += made_up
            self.realised -= lost
            costed, cost = costed - made_up, cost - lost
        self.costed += costed
        self.cost += cost

    def take(self, units: int) -> tuple[int, int]:
        """Take out what goes; return how much of it had a cost, and that cost."""
        costed = min(units, self.costed)
        cost = half_even(self.cost * costed, self.costed) if costed else 0
        self.costed -= costed
        self.cost -= cost
        self.uncosted -= units - costed
        return costed, cost


class AccountState(msgspec.Struct):
    """An account's holdings by asset id, and sums since it began."""

    holdings: dict[int, Holding] = {}
    deposited: int = 0
    withdrawn: int = 0
    carried_in: int = 0
    carried_out: int = 0
    found: int = 0
    maker_volume: int = 0
    taker_volume: int = 0

    def of(self, asset_id: int) -> Holding:
        """Return the holding of an asset, which it has from then on."""
        return self.holdings.setdefault(asset_id, Holding())

    @property
    def flows(self) -> int:
        """Return what came in from outside and from other accounts, less what went out."""
        came = self.deposited + self.carried_in + self.found
        return came - self.withdrawn - self.carried_out

    @property
    def cost(self) -> int:
        """Return what everything that is left had cost."""
        return sum(one.cost for one in self.holdings.values())

    @property
    def realised(self) -> int:
        """Return what was earned, less what was lost, by all that went."""
        return sum(one.realised for one in self.holdings.values())


def to_plain(state: AccountState) -> dict[str, Any]:
    """Return a state as JSON has it."""
    plain: dict[str, Any] = msgspec.to_builtins(state, str_keys=True)
    return plain


def from_plain(plain: Mapping[str, Any]) -> AccountState:
    """Return the state that JSON has."""
    return msgspec.convert(plain, AccountState, strict=False)


def merged(states: Sequence[AccountState]) -> AccountState:
    """Return several accounts as one. What one carried to another is in both its sums."""
    total = AccountState()
    for state in states:
        for asset_id, one in state.holdings.items():
            before = total.of(asset_id)
            for name in Holding.__struct_fields__:
                setattr(before, name, getattr(before, name) + getattr(one, name))
        for name in AccountState.__struct_fields__[1:]:
            setattr(total, name, getattr(total, name) + getattr(state, name))
    return total


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An entry of the ledger: ``units`` of an asset, negative where they go."""

    account_id: int
    asset_id: int
    kind: str
    units: int


class Sides(msgspec.Struct, frozen=True, gc=False):
    """Of a trade: its market's quote asset, and the accounts of maker and taker."""

    quote_id: int
    maker_id: int
    taker_id: int


def count(
    states: dict[int, AccountState],
    entries: Sequence[Entry],
    *,
    sides: Sides | None,
    currency_id: int,
    value_of: ValueOf,
) -> None:
    """Count one ledger transaction: all its entries of one owner's accounts.

    ``states``: by account; changed. ``value_of`` says what units of an asset were worth then, the
    currency itself its own amount; None: not known.
    """
    kinds = {entry.kind for entry in entries}
    if kinds & TRADING:
        for account_id in dict.fromkeys(entry.account_id for entry in entries):
            own = [entry for entry in entries if entry.account_id == account_id]
            state = states[account_id]
            _count_fees(state, own, value_of)
            _count_volume(state, own, account_id, sides, value_of)
            _count_trade(state, own, sides, currency_id, value_of)
    elif kinds & CARRYING:
        _carry(states, entries, value_of)
    else:
        for entry in entries:
            _flow(states[entry.account_id], entry, value_of)


def _flow(state: AccountState, entry: Entry, value_of: ValueOf) -> None:
    """Count what came from outside or left for it."""
    holding = state.of(entry.asset_id)
    if entry.units > 0:
        value = value_of(entry.asset_id, entry.units)
        if value is None:
            holding.put(0, 0, entry.units)
        else:
            state.deposited += value
            holding.put(entry.units, value, 0)
        return
    units = -entry.units
    value = value_of(entry.asset_id, units)
    costed, cost = holding.take(units)
    known = cost if value is None else half_even(value * costed, units)
    state.withdrawn += known
    holding.realised += known - cost


def _carry(states: dict[int, AccountState], entries: Sequence[Entry], value_of: ValueOf) -> None:
    """Count what went from one own account to another, asset by asset, with its cost."""
    for asset_id in dict.fromkeys(entry.asset_id for entry in entries):
        moved = [entry for entry in entries if entry.asset_id == asset_id]
        gone = [entry for entry in moved if entry.units < 0]
        come = [entry for entry in moved if entry.units > 0]
        if len(gone) != 1 or len(come) != 1 or gone[0].units + come[0].units:
            for entry in moved:  # the other side is not of this owner
                _flow(states[entry.account_id], entry, value_of)
            continue
        units = come[0].units
        costed, cost = states[gone[0].account_id].of(asset_id).take(units)
        states[gone[0].account_id].carried_out += cost
        states[come[0].account_id].carried_in += cost
        states[come[0].account_id].of(asset_id).put(costed, cost, units - costed)


def _count_fees(state: AccountState, own: Sequence[Entry], value_of: ValueOf) -> None:
    for entry in own:
        if entry.kind == "fee":
            holding = state.of(entry.asset_id)
            holding.fees -= entry.units
            holding.fees_value += value_of(entry.asset_id, -entry.units) or 0


def _count_volume(
    state: AccountState,
    own: Sequence[Entry],
    account_id: int,
    sides: Sides | None,
    value_of: ValueOf,
) -> None:
    """Count the quote amount as traded, once for each side on which the account was."""
    if sides is None:
        return
    amounts = [abs(one.units) for one in own if _is_of(one, sides.quote_id)]
    value = value_of(sides.quote_id, max(amounts, default=0)) or 0
    if sides.maker_id == account_id:
        state.maker_volume += value
    if sides.taker_id == account_id:
        state.taker_volume += value


def _is_of(entry: Entry, asset_id: int) -> bool:
    return entry.kind == "trade" and entry.asset_id == asset_id


def _count_trade(
    state: AccountState,
    own: Sequence[Entry],
    sides: Sides | None,
    currency_id: int,
    value_of: ValueOf,
) -> None:
    nets: dict[int, int] = {}
    for entry in own:
        nets[entry.asset_id] = nets.get(entry.asset_id, 0) + entry.units
    gone = [(asset_id, -net) for asset_id, net in nets.items() if net < 0]
    come = [(asset_id, net) for asset_id, net in nets.items() if net > 0]
    if len(gone) == 1 and len(come) == 1:
        # By which of the two the trade is valued: the currency, the quote asset, the other one.
        both = sorted((gone[0][0], come[0][0]))
        order = [currency_id, *([sides.quote_id] if sides else []), *both]
        legs = sorted(both, key=order.index)
        values = (value_of(asset_id, abs(nets[asset_id])) for asset_id in legs)
        value = next((one for one in values if one is not None), None)
        _exchange(state, gone[0], come[0], value)
        return
    # An account traded with itself: what is left are fees, or rebates.
    for asset_id, units in gone:
        _, cost = state.of(asset_id).take(units)
        state.of(asset_id).realised -= cost
    for asset_id, units in come:
        worth = value_of(asset_id, units)
        holding = state.of(asset_id)
        holding.put(0 if worth is None else units, worth or 0, units if worth is None else 0)
        holding.realised += worth or 0


def _exchange(
    state: AccountState, gone: tuple[int, int], come: tuple[int, int], value: int | None
) -> None:
    """Count one asset given for another one: ``(asset id, units)`` each."""
    given = state.of(gone[0])
    costed, cost = given.take(gone[1])
    received = state.of(come[0])
    if value is None:
        takes_over = half_even(come[1] * costed, gone[1])
        if not takes_over:  # too little for a unit
            given.realised -= cost
            cost = 0
        received.put(takes_over, cost, come[1] - takes_over)
        return
    known = half_even(value * costed, gone[1])
    given.realised += known - cost
    state.found += value - known
    received.put(come[1], value, 0)
