"""Whole numbers in texts that somebody sends: their digits, and how many of them are looked at."""

from typing import Final

# Below what the tables hold.
ID_DIGITS_MAX: Final = 18


def number_of(text: str, *, digits_max: int = ID_DIGITS_MAX) -> int | None:
    """Return the number that plain digits spell, None of any other text or a longer one."""
    is_number = text.isascii() and text.isdigit() and len(text) <= digits_max
    return int(text) if is_number else None
