"""Change the trading phase of a market."""

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


class SetMarketPhase(WireCommand, frozen=True, array_like=True, gc=False, tag="phase"):
    """Halt, resume or otherwise change the trading phase of a market. The worker writes the row."""

    market_id: Id
    phase: str
    actor: str = ""


class PhaseKind(Kind[SetMarketPhase]):
    """The market's rules stay as they are."""

    wire = SetMarketPhase
    name = "phase"

    def given(self, command: SetMarketPhase, batch: Batch) -> Given:
        """Return the time; raise Refused for a phase that there is not."""
        batch.terms_here(command.market_id)
        if command.phase not in PHASES:
            raise Refused("validation_error", f"phase: expected one of {', '.join(PHASES)}")
        return Given(batch.time_us)

    def steps(self, command: SetMarketPhase, given: Given, shard: Shard) -> list[Step]:
        """Return one step."""
        phase = SetPhase(command.market_id, command.phase, given.time_us)  # type: ignore[arg-type]
        return [Step(phase, shard.terms_here(command.market_id))]

    def new_terms(self, command: SetMarketPhase, steps: list[Step]) -> MarketTerms:
        """Return the market's terms in its new phase."""
        terms = steps[0].terms
        rules = msgspec.structs.replace(terms.rules, phase=command.phase)
        return msgspec.structs.replace(terms, rules=rules)
