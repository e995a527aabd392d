"""Hashes of passwords for tests that try something else: Argon2 all the same, at a tenth of a ms.

Django hears of it by its address, in a list of hashers.
"""

from typing import Final

from accounts.access.hashing import Argon2Hasher


class QuickHasher(Argon2Hasher):
    """The exchange's own, gate included, with the least memory and one pass."""

    memory_cost = 8
    time_cost = 1


QUICK_HASHERS: Final = (
    f"{QuickHasher.__module__}.{QuickHasher.__qualname__}",
    "accounts.access.hashing.PBKDF2Hasher",
)
