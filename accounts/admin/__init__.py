"""Operators' pages of people, their rights and their money; Django finds them here."""

from accounts.admin import assets, deposits, ledger, people, rights, sign_in, withdrawals

__all__ = ["assets", "deposits", "ledger", "people", "rights", "sign_in", "withdrawals"]
