"""Kinds of text that many shapes of the document have."""

from typing import Annotated, Literal

from msgspec import Meta

Decimal = Annotated[str, Meta(description="A decimal.", examples=["20000.50"])]
Time = Annotated[str, Meta(description="RFC 3339, UTC.", examples=["2026-01-31T12:00:00.000000Z"])]
AccountId = Annotated[str, Meta(description="An account's UUID.")]
Side = Literal["Buy", "Sell"]
