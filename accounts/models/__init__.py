"""Tables of people, access, money, acts and reports, by noun; one app, whatever the module."""

from accounts.models.access import ApiKey
from accounts.models.audit import AuditRecord
from accounts.models.ids import next_id
from accounts.models.liabilities import LiabilityLeaf, LiabilitySnapshot, LiabilityTree
from accounts.models.money import (
    Asset,
    Balance,
    Deposit,
    LedgerEntry,
    LedgerTransaction,
    Withdrawal,
)
from accounts.models.people import Account, User, UserManager
from accounts.models.reports import Report, ReportPart

__all__ = [
    "Account",
    "ApiKey",
    "Asset",
    "AuditRecord",
    "Balance",
    "Deposit",
    "LedgerEntry",
    "LedgerTransaction",
    "LiabilityLeaf",
    "LiabilitySnapshot",
    "LiabilityTree",
    "Report",
    "ReportPart",
    "User",
    "UserManager",
    "Withdrawal",
    "next_id",
]
