"""How an API key reads in v1."""

from typing import Any, Final

from accounts.access.callers import KIND_BEARER
from api.v1.times import moment_text
from api.v1.words import Shape

KEY_KIND: Final = {"bearer": "Bearer", "hmac": "HMAC", "ed25519": "Ed25519", "rsa": "RSA"}


def key(row: Any) -> Shape:
    """Return a Key, from a row that has its account; never what it is secret by."""
    return {
        "id": str(row.pk),
        "name": row.label,
        "kind": KEY_KIND[row.kind],
        # What is kept of a bearer token is its digest, which is nobody's business.
        "key": None if row.kind == KIND_BEARER else row.lookup,
        "scopes": row.scopes,
        "account_id": str(row.account.public_id) if row.account else None,
        "markets": row.markets or [],
        "addresses": row.ip_allowed,
        "expires_at": moment_text(row.expires_at) if row.expires_at else None,
        "revoked_at": moment_text(row.revoked_at) if row.revoked_at else None,
        "created_at": moment_text(row.created_at),
        "last_used_at": moment_text(row.last_used_at) if row.last_used_at else None,
        "last_used_from": row.last_used_from or None,
    }
