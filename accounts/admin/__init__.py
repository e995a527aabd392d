"""Operators' pages of people, their rights and their money; Django finds them here."""

from accounts.admin import (
    assets,
    deposits,
    ledger,
    liabilities,
    people,
    reports,
    rights,
    withdrawals,
)

__all__ = [
    "assets",
    "deposits",
    "ledger",
    "liabilities",
    "people",
    "reports",
    "rights",
    "withdrawals",
]
