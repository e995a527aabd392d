"""Tables of people, access, money and acts, by noun; one app, whatever the module."""

from accounts.models.access import ApiKey
from accounts.models.audit import AuditLink, AuditRecord
from accounts.models.ids import next_id
from accounts.models.money import (
    Asset,
    Balance,
    Deposit,
    LedgerEntry,
    LedgerTransaction,
    Transfer,
    Withdrawal,
)
from accounts.models.people import Account, User, UserManager

__all__ = [
    "Account",
    "ApiKey",
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
    "next_id",
]
