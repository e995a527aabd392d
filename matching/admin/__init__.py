"""Operators' pages of markets and of what workers write; Django finds them here."""

from matching.admin import (
    accounts,
    checkpoints,
    conditions,
    fees,
    handovers,
    markets,
    shards,
    written,
)

__all__ = [
    "accounts",
    "checkpoints",
    "conditions",
    "fees",
    "handovers",
    "markets",
    "shards",
    "written",
]
