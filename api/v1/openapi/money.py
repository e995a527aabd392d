"""The shapes of accounts and money in the OpenAPI document, and what they are made of."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from api.v1.openapi.kinds import AccountId, Decimal, Time


class Account(Struct):
    """A trading account; its own fee rates are null where the market's hold."""

    id: AccountId
    label: str
    role: Literal["Owner", "Trader", "Viewer"]
    status: Literal["Active", "CancelOnly", "Frozen", "Closed"]
    maker_fee: Decimal | None
    taker_fee: Decimal | None
    created_at: Time
    updated_at: Time


class Balance(Struct):
    """What an account has of an asset; total is available and locked together."""

    account_id: AccountId
    asset: str
    total: Decimal
    available: Decimal
    locked: Decimal
    updated_at: Time


class Withdrawal(Struct):
    """Money on its way out."""

    id: str
    account_id: AccountId
    asset: str
    amount: Decimal
    address: str
    state: Annotated[
        Literal["Pending", "Settled", "Cancelled"],
        Meta(description="Is the money held, has it left, or was it given back?"),
    ]
    stage: Annotated[
        Literal["Pending", "Approved", "Settled", "Cancelled", "Refused", "Failed"],
        Meta(description="Pending: it waits to be approved. Approved: it waits to be paid out."),
    ]
    approvals_needed: int
    approvals_given: int
    created_at: Time
    updated_at: Time


class WithdrawalAnswer(Balance):
    """The balance after the hold, and the withdrawal."""

    withdrawal: Withdrawal


class Address(Struct):
    """An address of an account's book, to which money can go from `usable_at` on."""

    id: str
    account_id: AccountId
    asset: str
    address: str
    label: str
    created_at: Time
    usable_at: Time


class LedgerEntry(Struct):
    """One movement of one asset; negative takes, positive gives."""

    id: str
    transaction_id: str
    kind: Literal["Trade", "Fee", "Deposit", "Withdrawal", "Adjustment", "Transfer", "Prevented"]
    asset: str
    amount: Decimal
    balance_after: Decimal | None
    reference: str
    created_at: Time


class Transfer(Struct):
    """Money that went from one account to another of the same owner; it is done at once."""

    id: Annotated[str, Meta(description="A UUID, and the `reference` of its ledger entries.")]
    from_account: AccountId
    to_account: AccountId
    asset: str
    amount: Decimal
    created_at: Time


class CreateAccountIn(Struct):
    """A new account."""

    label: Annotated[str, Meta(max_length=64)] = ""


class DepositIn(Struct):
    """What to credit."""

    asset: str
    amount: Decimal


class WithdrawIn(Struct):
    """What to withdraw, and where to; without the sandbox's faucet an address is needed."""

    asset: str
    amount: Decimal
    address: Annotated[str, Meta(max_length=128)] = ""


class RenameAccountIn(Struct):
    """An account's new name."""

    label: Annotated[str, Meta(min_length=1, max_length=64)]


class TransferIn(Struct):
    """What to move, and between which of one's own accounts."""

    from_account: AccountId
    to_account: AccountId
    asset: str
    amount: Decimal


class AddressIn(Struct):
    """An address for the book."""

    asset: str
    address: Annotated[str, Meta(min_length=1, max_length=128)]
    label: Annotated[str, Meta(max_length=64)] = ""


SHAPES: Final[tuple[type[Struct], ...]] = (
    Account,
    Balance,
    Withdrawal,
    WithdrawalAnswer,
    Address,
    LedgerEntry,
    Transfer,
    CreateAccountIn,
    RenameAccountIn,
    DepositIn,
    WithdrawIn,
    TransferIn,
    AddressIn,
)
