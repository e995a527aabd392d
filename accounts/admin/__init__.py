"""Operators' pages of people, their rights and their money; Django finds them here."""

from accounts.admin import money, people, rights

__all__ = ["money", "people", "rights"]
