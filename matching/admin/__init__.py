"""Operators' pages of markets and of what workers write; Django finds them here."""

from matching.admin import accounts, conditions, fees, markets, written

__all__ = ["accounts", "conditions", "fees", "markets", "written"]
