"""Protect an account's quotes in a market, and let it go on after that has ended them."""

from typing import Annotated, Final

import msgspec

from matching.commands.base import Batch, Figure, Given, Id, Kind, Shard, Step, WireCommand, fitting
from matching.engine.commands import ResetProtection as ResetEngine
from matching.engine.commands import SetProtection as SetEngine

WINDOW_MAX_MS: Final = 86_400_000
Window = Annotated[int, msgspec.Meta(ge=1, le=WINDOW_MAX_MS)]
FillsMax = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class SetProtection(WireCommand, frozen=True, array_like=True, gc=False, tag="protect"):
    """End an account's quotes after so many fills, or so much, in a window; without both: never."""

    account_id: Id
    market_id: Id
    fills_max: FillsMax | None
    quantity_max: Figure | None
    window_ms: Window


class ResetProtection(WireCommand, frozen=True, array_like=True, gc=False, tag="unprotect"):
    """Let an account whose quotes were ended go on, with nothing counted."""

    account_id: Id
    market_id: Id


class ProtectKind(Kind[SetProtection]):
    """It sets the protection anew, as if nothing had been counted."""

    wire = SetProtection
    name = "protect"

    def given(self, command: SetProtection, batch: Batch) -> Given:
        """Return the time."""
        batch.terms_here(command.market_id)
        return Given(batch.time_us)

    def steps(self, command: SetProtection, given: Given, shard: Shard) -> list[Step]:
        """Return one step."""
        terms = shard.terms_here(command.market_id)
        protect = SetEngine(
            command.market_id,
            command.account_id,
            command.fills_max,
            fitting("quantity_max", command.quantity_max, terms.quantity_to_lots),
            command.window_ms * 1_000,
            given.time_us,
        )
        return [Step(protect, terms)]


class UnprotectKind(Kind[ResetProtection]):
    """Where nothing protects the account, nothing happens."""

    wire = ResetProtection
    name = "unprotect"

    def given(self, command: ResetProtection, batch: Batch) -> Given:
        """Return the time."""
        batch.terms_here(command.market_id)
        return Given(batch.time_us)

    def steps(self, command: ResetProtection, given: Given, shard: Shard) -> list[Step]:
        """Return one step."""
        reset = ResetEngine(command.market_id, command.account_id, given.time_us)
        return [Step(reset, shard.terms_here(command.market_id))]
