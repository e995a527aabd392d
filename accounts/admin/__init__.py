"""Operators' pages of people, their rights and their money; Django finds them here."""

from accounts.admin import (
    assets,
    deposits,
    ledger,
    people,
    records,
    rights,
    transfers,
    withdrawals,
)

__all__ = [
    "assets",
    "deposits",
    "ledger",
    "people",
    "records",
    "rights",
    "transfers",
    "withdrawals",
]
