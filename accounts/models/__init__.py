"""Tables of people, access, money and acts, by noun; one app, whatever the module."""

from accounts.models.access import ApiKey
from accounts.models.approvals import Approval
from accounts.models.audit import AuditRecord
from accounts.models.ids import next_id
from accounts.models.money import (
    Asset,
    Balance,
    Deposit,
    LedgerEntry,
    LedgerTransaction,
)
from accounts.models.people import Account, User, UserManager
from accounts.models.withdrawals import (
    HELD_STATES,
    Withdrawal,
    WithdrawalAddress,
    WithdrawalLimit,
)

__all__ = [
    "HELD_STATES",
    "Account",
    "ApiKey",
    "Approval",
    "Asset",
    "AuditRecord",
    "Balance",
    "Deposit",
    "LedgerEntry",
    "LedgerTransaction",
    "User",
    "UserManager",
    "Withdrawal",
    "WithdrawalAddress",
    "WithdrawalLimit",
    "next_id",
]
