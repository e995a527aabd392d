"""Tables of people, access, money, acts and reports, by noun; one app, whatever the module."""

from accounts.models.access import ApiKey
from accounts.models.approvals import Approval
from accounts.models.audit import AuditLink, AuditRecord
from accounts.models.ids import next_id
from accounts.models.liabilities import LiabilityLeaf, LiabilitySnapshot, LiabilityTree
from accounts.models.members import Invitation, MemberRole, Membership
from accounts.models.money import (
    Asset,
    Balance,
    Deposit,
    LedgerEntry,
    LedgerTransaction,
    Transfer,
)
from accounts.models.notes import Note
from accounts.models.people import Account, User, UserManager
from accounts.models.portfolio import PortfolioBook, PortfolioPoint
from accounts.models.preferences import Preferences
from accounts.models.providers import ENDED_OUTCOMES, Payout, ProviderEvent
from accounts.models.reports import Report, ReportPart
from accounts.models.status import StatusSpan
from accounts.models.withdrawals import (
    HELD_STATES,
    Withdrawal,
    WithdrawalAddress,
    WithdrawalLimit,
)

__all__ = [
    "ENDED_OUTCOMES",
    "HELD_STATES",
    "Account",
    "ApiKey",
    "Approval",
    "Asset",
    "AuditLink",
    "AuditRecord",
    "Balance",
    "Deposit",
    "Invitation",
    "LedgerEntry",
    "LedgerTransaction",
    "LiabilityLeaf",
    "LiabilitySnapshot",
    "LiabilityTree",
    "MemberRole",
    "Membership",
    "Note",
    "Payout",
    "PortfolioBook",
    "PortfolioPoint",
    "Preferences",
    "ProviderEvent",
    "Report",
    "ReportPart",
    "StatusSpan",
    "Transfer",
    "User",
    "UserManager",
    "Withdrawal",
    "WithdrawalAddress",
    "WithdrawalLimit",
    "next_id",
]
