"""Move a market between shards: the one that has it releases it, the other one adopts it.

In between it is nobody's: both answer ``wrong_shard`` to whatever else comes for it, and nothing
takes effect. Both commands name the handover that says what was let go.
"""

from typing import Final

from matching.commands.base import Batch, Given, Id, Kind, Refused, Shard, Step, WireCommand
from matching.engine.commands import AdoptMarket as AdoptEngine
from matching.engine.commands import ReleaseMarket as ReleaseEngine
from matching.engine.commands import SetSwitch
from matching.markets.calendar import next_change
from matching.markets.terms import MarketTerms

# Each is written at the release and read at the adoption, while nobody may trade.
HANDED_ORDERS_MAX: Final = 100_000
# A market is not let go right before its calendar changes it: who adopts it is to be there by then.
BEFORE_CHANGE_US: Final = 10_000_000


class ReleaseMarket(WireCommand, frozen=True, array_like=True, gc=False, tag="release"):
    """Let a market go to another shard, as the handover of that (new) id."""

    market_id: Id
    to_shard: Id
    handover_id: Id
    actor: str = ""


class AdoptMarket(WireCommand, frozen=True, array_like=True, gc=False, tag="adopt"):
    """Take a market that another shard let go to this one. The worker asks for it, too."""

    market_id: Id
    handover_id: Id
    actor: str = ""


class ReleaseKind(Kind[ReleaseMarket]):
    """The market goes with all that belongs to it; the worker writes whose it is to be."""

    wire = ReleaseMarket
    name = "release"
    stands_alone = True

    def given(self, command: ReleaseMarket, batch: Batch) -> Given:
        """Return the time; raise Refused for what cannot be moved just now."""
        terms = batch.terms_here(command.market_id)
        if command.to_shard == batch.shard_id:
            raise Refused("validation_error", "to: expected another shard than the market has")
        market = batch.engine.market(command.market_id)
        if sum(1 for _ in market.indexed()) > HANDED_ORDERS_MAX:
            raise Refused("conflict", f"it has more than {HANDED_ORDERS_MAX} open orders")
        if _changes_by(terms, batch.time_us):
            raise Refused(
                "conflict",
                "its calendar changes it within"
                f" {BEFORE_CHANGE_US // 1_000_000} seconds: move it after that",
            )
        return Given(batch.time_us)

    def steps(self, command: ReleaseMarket, given: Given, shard: Shard) -> list[Step]:
        """Return one step."""
        release = ReleaseEngine(command.market_id, given.time_us)
        return [Step(release, shard.terms_here(command.market_id))]

    def afterwards(self, command: ReleaseMarket, given: Given, shard: Shard) -> list[SetSwitch]:
        """Return what ends all switches of a shard that has no market left.

        Nobody puts them off there any more, and they must not be found when one comes back.
        """
        if shard.engine.markets():
            return []
        switches = list(shard.engine.switches)
        return [SetSwitch(account, key, None, given.time_us) for _, account, key in switches]


class AdoptKind(Kind[AdoptMarket]):
    """What was let go is read from the tables before, and has the hash that it had then."""

    wire = AdoptMarket
    name = "adopt"
    stands_alone = True

    def handover_id(self, command: AdoptMarket) -> int:
        """Return what is to be read."""
        return command.handover_id

    def given(self, command: AdoptMarket, batch: Batch) -> Given:
        """Return the time; raise Refused where the market is not to be had, or not yet."""
        handed = batch.handed_over(command.handover_id)
        if handed.market_id != command.market_id or batch.time_us < handed.released_us:
            raise Refused("wrong_shard", "the market is not to be adopted now")
        return Given(batch.time_us)

    def steps(self, command: AdoptMarket, given: Given, shard: Shard) -> list[Step]:
        """Return one step."""
        handed = shard.handed_over(command.handover_id)
        adopt = AdoptEngine(handed.snapshot, handed.orders, handed.state_hash, given.time_us)
        return [Step(adopt, handed.terms)]

    def afterwards(self, command: AdoptMarket, given: Given, shard: Shard) -> list[SetSwitch]:
        """Return the former shard's switches, where this one had no market before.

        A shard that has markets is told of every switch, as the former one was.
        """
        if len(shard.engine.markets()) > 1:
            return []
        known = shard.engine.switches
        return [
            SetSwitch(account, key, due_us, given.time_us)
            for due_us, account, key in shard.handed_over(command.handover_id).switches
            if known.due_us(account, key) is None
        ]

    def new_terms(self, command: AdoptMarket, steps: list[Step]) -> MarketTerms:
        """Return the market's terms, of this shard."""
        return steps[0].terms


def _changes_by(terms: MarketTerms, time_us: int) -> bool:
    """Tell whether the market's calendar, or its end, is about to change it."""
    rules, until_us = terms.rules, time_us + BEFORE_CHANGE_US
    if rules.phase == "delisted":
        return False
    if terms.has_ended(until_us):
        return True
    try:
        change = next_change(rules.schedule, rules.time_zone, time_us) if rules.schedule else None
    except (LookupError, ValueError, OSError):  # nobody can follow it here
        return False
    return change is not None and change.at_us <= until_us
