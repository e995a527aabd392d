"""What a batch knows and changes of balances, in smallest units."""

import msgspec

from accounts.people.fee_terms import FeeTerms

# (account id, asset id)
BalanceKey = tuple[int, int]


class AccountFigures(msgspec.Struct, frozen=True):
    """What a batch needs of a submitting account. ``owner_id`` never changes; 0: nobody.

    ``fees``: its tiers and rates in single markets; None, as with most: it has none.
    """

    status: str
    maker_fee_ppm: int | None
    taker_fee_ppm: int | None
    owner_id: int
    fees: FeeTerms | None = None


class LockedBalance(msgspec.Struct, gc=False):
    """A balance whose row this transaction holds; units of the asset's scale."""

    balance_id: int
    available_units: int
    locked_units: int
    version: int = 0


class BalanceChange(msgspec.Struct, gc=False):
    """What a batch does to a balance, in smallest units; either may be negative."""

    available_units: int = 0
    locked_units: int = 0
