"""Operators' pages of people, their rights and their money; Django finds them here."""

from accounts.admin import (
    approvals,
    assets,
    deposits,
    ledger,
    liabilities,
    members,
    notes,
    people,
    preferences,
    providers,
    records,
    reports,
    rights,
    sign_in,
    transfers,
    withdrawals,
)

__all__ = [
    "approvals",
    "assets",
    "deposits",
    "ledger",
    "liabilities",
    "members",
    "notes",
    "people",
    "preferences",
    "providers",
    "records",
    "reports",
    "rights",
    "sign_in",
    "transfers",
    "withdrawals",
]
