"""One ledger transaction at a time: locks, checks and writes for everything but matching.

The worker's batches have their own statements in ``accounts.money.ledger``; both write the same
rows. The order of locks is: accounts by id, then rows of balances that are to be made, by account
and asset, then balances by id. Workers lock balances only, in this order, too. Whoever makes a row
so holds no lock of another balance, for which somebody who waits for that row may be waited for.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from accounts.models import Account, Asset, Balance, LedgerEntry, LedgerTransaction
from accounts.notices import BalanceState
from zavora.foundation.errors import InsufficientBalance, ValidationFailed
from zavora.foundation.money import EXACT, NotExact, decimal_to_units, format_decimal
from zavora.foundation.times import microseconds_of

# NUMERIC(38, 18) and the constraints of the tables: every figure stays below this.
AMOUNT_BOUND: Final = Decimal(10**20)
ZERO: Final = Decimal(0)


class Posting(msgspec.Struct, frozen=True):
    """One entry to be: ``amount`` is signed. Customers' balances come with it, locked."""

    account_id: int
    asset_id: int
    kind: str
    amount: Decimal
    balance_after: Decimal | None


def get_asset(code: str) -> Asset:
    """Return the active asset ``code``; raise ValidationFailed naming the field."""
    asset = Asset.objects.filter(code=code.upper(), is_active=True).first()
    if asset is None:
        raise ValidationFailed(
            "unknown asset", asset="expected the code of an asset of this exchange"
        )
    return asset


def checked_amount(amount: Decimal, asset: Asset) -> Decimal:
    """Return ``amount`` if it is positive, finite and fits the asset's scale; else refuse it."""
    try:
        units = decimal_to_units(amount, asset.scale)
    except NotExact as error:
        raise ValidationFailed("the amount does not fit the asset", amount=str(error)) from None
    if units <= 0:
        raise ValidationFailed(
            "the amount is not positive", amount="expected a decimal greater than zero"
        )
    if amount >= AMOUNT_BOUND:
        raise ValidationFailed(
            "the amount is too large", amount="expected at most 20 digits before the point"
        )
    return amount


def check_correction(amount: Decimal, asset: Asset, *, available: Decimal) -> None:
    """Refuse a signed ``amount`` that does not fit the asset, or takes more than is available."""
    if not amount.is_finite():
        raise ValidationFailed("bad amount", amount="expected a finite decimal")
    checked_amount(abs(amount), asset)
    if EXACT.add(available, amount) < 0:
        raise not_enough(asset, -amount)


def not_enough(asset: Asset, amount: Decimal) -> InsufficientBalance:
    """Return the refusal of what takes more than is available."""
    text = f"not enough {asset.code} available"
    return InsufficientBalance(text, asset=asset.code, required=f"{amount:f}")


def lock_balance(*, account: Account, asset: Asset) -> Balance:
    """Lock and return a balance, made at zero where there is none (SELECT ... FOR UPDATE)."""
    mine = Balance.objects.select_for_update().filter(account=account, asset=asset)
    balance = mine.first()
    if balance is None:
        # A worker may credit the account for the first time at this very moment.
        Balance.objects.bulk_create([Balance(account=account, asset=asset)], ignore_conflicts=True)
        balance = mine.get()
    return balance


def lock_balances_between(
    *, payer: Account, receiver: Account, asset: Asset, amount: Decimal
) -> tuple[Balance, Balance]:
    """Lock and return the balances from which and to which ``amount`` is to go, by id.

    Raises InsufficientBalance where the first has less available, or is not there at all.
    """
    theirs = Balance.objects.filter(account=receiver, asset=asset)
    if not theirs.exists():
        # Before any lock of a balance: a worker that is making this row may want the other one.
        Balance.objects.bulk_create([Balance(account=receiver, asset=asset)], ignore_conflicts=True)
    both = Balance.objects.select_for_update().filter(account__in=(payer, receiver), asset=asset)
    found = {balance.account_id: balance for balance in both.order_by("pk")}
    if payer.pk not in found or found[payer.pk].available < amount:
        raise not_enough(asset, amount)
    return found[payer.pk], found[receiver.pk]


def change_balance(balance: Balance, *, available: Decimal, locked: Decimal, now: datetime) -> None:
    """Add ``available`` and ``locked`` (signed) to a locked balance and count its version up.

    Raises ValidationFailed where the total would not fit the tables.
    """
    balance.available = EXACT.add(balance.available, available)
    balance.locked = EXACT.add(balance.locked, locked)
    if EXACT.add(balance.available, balance.locked) >= AMOUNT_BOUND:
        raise ValidationFailed(
            "the balance would be too large", amount="expected a total below 10^20"
        )
    balance.version += 1
    balance.updated_at = now
    balance.save(update_fields=["available", "locked", "version", "updated_at"])


def figures_of(balance: Balance, asset: Asset) -> dict[str, str]:
    """Return what a balance holds, as records of acts say what was and what is now."""
    return {
        "available": format_decimal(balance.available, asset.scale),
        "locked": format_decimal(balance.locked, asset.scale),
    }


def total_of(balance: Balance) -> Decimal:
    """Return available and locked together."""
    return EXACT.add(balance.available, balance.locked)


def balance_state(balance: Balance, asset: Asset, *, moved: Decimal = ZERO) -> BalanceState:
    """Return a balance as the feeds are told about it.

    ``moved`` (signed) is what the change brought in without a trade, or took out.
    """
    return BalanceState(
        account_id=balance.account_id,
        asset_id=asset.pk,
        available=format_decimal(balance.available, asset.scale),
        locked=format_decimal(balance.locked, asset.scale),
        version=balance.version,
        updated_us=microseconds_of(balance.updated_at),
        moved=format_decimal(moved, asset.scale) if moved else "",
    )


def post(
    *, kind: str, reference: str, postings: Sequence[Posting], now: datetime
) -> LedgerTransaction:
    """Write one ledger transaction with all its entries in one statement.

    The caller holds the locks of the balances it speaks for. The trigger of the tables refuses
    entries that do not sum to zero per asset.
    """
    record = LedgerTransaction.objects.create(kind=kind, reference=reference, created_at=now)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(
            transaction=record,
            account_id=posting.account_id,
            asset_id=posting.asset_id,
            kind=posting.kind,
            amount=posting.amount,
            balance_after=posting.balance_after,
            created_at=now,
        )
        for posting in postings
    )
    return record


def outside_account() -> Account:
    """Return the account that stands for the world outside: every deposit comes from it."""
    account, _ = Account.objects.get_or_create(kind=Account.Kind.OUTSIDE, shard_id=None)
    return account


def move_with_outside(
    *,
    kind: str,
    reference: str,
    balance: Balance,
    amount: Decimal,
    now: datetime,
) -> LedgerTransaction:
    """Record that ``amount`` (signed) came to a customer from outside; ``balance`` is after it."""
    return post(
        kind=kind,
        reference=reference,
        now=now,
        postings=[
            Posting(balance.account_id, balance.asset_id, kind, amount, total_of(balance)),
            Posting(outside_account().pk, balance.asset_id, kind, EXACT.minus(amount), None),
        ],
    )
