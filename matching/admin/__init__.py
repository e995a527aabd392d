"""Operators' pages of markets and of what workers write; Django finds them here."""

from matching.admin import accounts, fees, markets, written

__all__ = ["accounts", "fees", "markets", "written"]
