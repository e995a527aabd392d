"""Tables of people, access, money and acts, by noun; one app, whatever the module."""

from accounts.models.access import ApiKey
from accounts.models.approvals import Approval
from accounts.models.audit import AuditLink, AuditRecord
from accounts.models.ids import next_id
from accounts.models.money import (
    Asset,
    Balance,
    Deposit,
    LedgerEntry,
    LedgerTransaction,
    Transfer,
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
    "AuditLink",
    "AuditRecord",
    "Balance",
    "Deposit",
    "LedgerEntry",
    "LedgerTransaction",
    "Transfer",
    "User",
    "UserManager",
    "Withdrawal",
    "WithdrawalAddress",
    "WithdrawalLimit",
    "next_id",
]
