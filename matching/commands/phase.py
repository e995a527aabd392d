"""Change the trading phase of a market."""

from typing import Annotated, Final, Literal

import msgspec

from matching.commands.base import (
    Batch,
    Given,
    Id,
    Kind,
    Refused,
    Shard,
    Step,
    WireCommand,
)
from matching.engine.commands import SetPhase
from matching.markets.soundness import PHASES
from matching.markets.terms import MarketTerms

# A week: whoever wants a longer one ends it.
AUCTION_MAX_S: Final = 604_800
Seconds = Annotated[int, msgspec.Meta(ge=0, le=AUCTION_MAX_S)]


class SetMarketPhase(WireCommand, frozen=True, array_like=True, gc=False, tag="phase"):
    """Halt, resume or otherwise change the trading phase of a market. The worker writes the row.

    ``cause``: whether an operator says so, the market's calendar, or the exchange after failures.
    ``auction_s``: after how many seconds an auction that begins so ends by itself; 0: it does not.
    ``ends_us``: when it does, where a calendar says so.
    """

    market_id: Id
    phase: str
    actor: str = ""
    cause: Literal["operator", "clock", "system"] = "operator"
    auction_s: Seconds = 0
    ends_us: Id = 0


class PhaseKind(Kind[SetMarketPhase]):
    """The market's rules stay as they are."""

    wire = SetMarketPhase
    name = "phase"

    def is_own(self, command: SetMarketPhase) -> bool:
        """Tell whether the worker alone may say so: operators come by the stream."""
        return command.cause != "operator"

    def given(self, command: SetMarketPhase, batch: Batch) -> Given:
        """Return the time; raise Refused for a phase that there is not."""
        terms = batch.terms_here(command.market_id)
        if command.phase == "delisted":
            if command.cause != "clock" or not terms.has_ended(batch.time_us):
                raise Refused("phase_not_possible", "the market is not to be delisted now")
        elif command.phase not in PHASES:
            raise Refused("validation_error", f"phase: expected one of {', '.join(PHASES)}")
        if (command.auction_s or command.ends_us) and command.phase != "auction":
            raise Refused("validation_error", "the end of an auction: expected for auctions only")
        return Given(batch.time_us)

    def steps(self, command: SetMarketPhase, given: Given, shard: Shard) -> list[Step]:
        """Return one step."""
        ends_us = command.ends_us or None
        if command.auction_s:
            ends_us = given.time_us + command.auction_s * 1_000_000
        phase = SetPhase(
            command.market_id,
            command.phase,  # type: ignore[arg-type]
            given.time_us,
            command.cause,
            ends_us,
        )
        return [Step(phase, shard.terms_here(command.market_id))]

    def new_terms(self, command: SetMarketPhase, steps: list[Step]) -> MarketTerms:
        """Return the market's terms in its new phase."""
        terms = steps[0].terms
        rules = msgspec.structs.replace(terms.rules, phase=command.phase)
        return msgspec.structs.replace(terms, rules=rules)
