"""The calendars of a shard's markets: what they are to change now, and when that is next.

A change is looked for between the shard's last batch and now, so no batch goes over one that was
not taken yet (``before_us``): the time of the last batch says, after any failure, up to where the
calendars were followed. What was missed meanwhile comes down to the last of it. The commands say
everything: whoever replays them knows neither clocks nor time zones.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
import structlog

from matching.commands.phase import SetMarketPhase
from matching.engine import Engine
from matching.engine.phases import may_change
from matching.markets.calendar import Change, last_change, next_change
from matching.markets.terms import MarketTerms
from zavora.foundation.times import MOMENT_US_MAX, microseconds_of

log = structlog.get_logger(__name__)

ACTOR: Final = "system:calendar"
# A market that could not be ended, which was journaled as void, is tried again.
RETRY_US: Final = 5_000_000


class _Followed(msgspec.Struct):
    """A market that has a calendar, or an end. None: nothing is to come."""

    terms: MarketTerms
    change: Change | None
    ends_us: int | None

    @property
    def times_us(self) -> list[int]:
        """Return when something is to be done."""
        change_us = None if self.change is None else self.change.at_us
        return [time_us for time_us in (change_us, self.ends_us) if time_us is not None]


class Calendar:
    """What a worker knows of its markets' times; told of each change of their terms."""

    def __init__(self, terms: Iterable[MarketTerms], after_us: int) -> None:
        self._followed: dict[int, _Followed] = {}
        # Before which time no batch has to wait for a calendar, and when there is something to do.
        self.before_us = self.wakes_us = MOMENT_US_MAX
        for each in terms:
            self._note(each, after_us)
        self._look_ahead()

    def follow(self, terms: MarketTerms, after_us: int) -> None:
        """Take up a market's terms as of a time: what its schedule says from then on."""
        known = self._followed.get(terms.market_id)
        if known is None or _calendar_of(known.terms) != _calendar_of(terms):
            self._note(terms, after_us)
            self._look_ahead()

    def forget(self, market_id: int) -> None:
        """Follow a market no more: another shard does."""
        if self._followed.pop(market_id, None) is not None:
            self._look_ahead()

    def take(self, engine: Engine, now_us: int) -> list[SetMarketPhase]:
        """Return the changes that are due, by market; each is given once.

        None where it would change nothing, or where the clock may not.
        """
        if now_us < self.wakes_us:
            return []
        commands = []
        for market_id, market in sorted(self._followed.items()):
            if market.ends_us is not None and market.ends_us <= now_us:
                market.ends_us = now_us + RETRY_US
                market.change = None
                commands.append(_change(market_id, Change(now_us, "delisted")))
            elif market.change is not None and market.change.at_us <= now_us:
                command = self._take_change(market, engine, now_us)
                commands += [] if command is None else [command]
        self._look_ahead()
        return commands

    def _take_change(self, market: _Followed, engine: Engine, now_us: int) -> SetMarketPhase | None:
        rules, market_id = market.terms.rules, market.terms.market_id
        change = last_change(rules.schedule, rules.time_zone, now_us)
        market.change = following = next_change(rules.schedule, rules.time_zone, now_us)
        phase = engine.market(market_id).phase
        if change is None or not may_change("clock", phase, change.phase):
            log.info("calendar_passed_over", market=market.terms.symbol, phase=phase)
            return None
        # An auction that is held already, for whatever reason, lasts as long as this one would.
        if change.phase == phase != "auction":
            return None
        ends_us = 0
        if change.phase == "auction" and following is not None:
            ends_us = following.at_us
        return _change(market_id, change, ends_us)

    def _note(self, terms: MarketTerms, after_us: int) -> None:
        rules, ends_us = terms.rules, None
        self._followed.pop(terms.market_id, None)
        if rules.phase == "delisted" or not (rules.schedule or rules.delists_at):
            return
        if rules.delists_at is not None:
            ends_us = microseconds_of(rules.delists_at)
        try:
            change = next_change(rules.schedule, rules.time_zone, after_us)
        except (LookupError, ValueError, OSError) as error:  # one that is not known on this machine
            log.critical("calendar_not_followed", market=terms.symbol, error=str(error))
            change = None
        self._followed[terms.market_id] = _Followed(terms, change, ends_us)

    def _look_ahead(self) -> None:
        markets = self._followed.values()
        changes = [market.change.at_us for market in markets if market.change is not None]
        self.before_us = min(changes, default=MOMENT_US_MAX)
        self.wakes_us = min(
            (time_us for market in markets for time_us in market.times_us), default=MOMENT_US_MAX
        )


def _change(market_id: int, change: Change, ends_us: int = 0) -> SetMarketPhase:
    return SetMarketPhase(market_id, change.phase, ACTOR, "clock", ends_us=ends_us)


def _calendar_of(terms: MarketTerms) -> tuple[object, ...]:
    """Return what a market's calendar depends on."""
    rules = terms.rules
    is_delisted = rules.phase == "delisted"
    return rules.schedule, rules.time_zone, rules.delists_at, is_delisted
