"""Keys, and what was chosen of the trading page."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from zavora.core.calls import PAGE_MAX, Call, Listing, given, text_of
from zavora.core.routes import paged, route
from zavora.models import Key, KeyMade, Preferences


class KeyRoutes:
    """What is asked of keys; made and revoked they are at a browser's session alone."""

    @paged
    def keys(self, *, page: int = PAGE_MAX) -> Listing[Key]:
        """List the caller's keys, newest first; never a secret."""
        return Listing(Call("GET", "/keys", list[Key], query={"limit": page}))

    @route
    def create_key(
        self,
        scopes: Sequence[str],
        *,
        kind: str = "Bearer",
        name: str = "",
        account: str | None = None,
        markets: Sequence[str] = (),
        addresses: Sequence[str] = (),
        expires_at: datetime | None = None,
        public_key: str | None = None,
    ) -> Call[KeyMade]:
        """Make a key, by a BrowserSession. Not repeated by itself: its secret is told once."""
        body: dict[str, Any] = {"scopes": list(scopes), "kind": kind}
        body |= given(
            name=name or None,
            account=account,
            markets=list(markets) or None,
            addresses=list(addresses) or None,
            expires_at=None if expires_at is None else text_of(expires_at),
            public_key=public_key,
        )
        return Call("POST", "/keys", KeyMade, body=body)

    @route
    def revoke_key(self, key_id: str) -> Call[Key]:
        """Revoke a key, by a BrowserSession; again is fine."""
        return Call("DELETE", "/keys/{key}", Key, {"key": key_id}, is_repeatable=True)

    @route
    def preferences(self) -> Call[Preferences]:
        """Return what was chosen of the trading page."""
        return Call("GET", "/preferences", Preferences)

    @route
    def set_preferences(
        self, document: dict[str, Any], *, version: int | None = None
    ) -> Call[Preferences]:
        """Choose of the trading page, by a BrowserSession; what is left out is as at first."""
        body = {"document": document, **given(version=version)}
        return Call("PUT", "/preferences", Preferences, body=body, is_repeatable=True)
