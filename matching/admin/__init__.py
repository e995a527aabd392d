"""Operators' pages of markets and of what workers write; Django finds them here."""

from matching.admin import markets, written

__all__ = ["markets", "written"]
