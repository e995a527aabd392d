"""The engine against the naive book: the same commands, the same trades, books and money."""

from random import Random
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.engine.events import RejectReason
from matching.engine.rules import SELF_TRADE_MODES, MarketPhase
from tests.property.engine_trials import Trial

COMMANDS_PER_RUN = 2_020


@pytest.mark.long
@pytest.mark.parametrize("part", range(2))
def test_engine_and_naive_exchange_agree_on_three_hundred_thousand_commands(part):
    counts = agree(runs=75)

    # A comparison of refusals only would agree, too: every outcome must have been met.
    missing = [what for what in OUTCOMES if counts.get(what, 0) < 5]
    assert not missing, counts


@pytest.mark.longest
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(2))
def test_engine_and_naive_exchange_agree_on_seven_hundred_thousand_more(part):
    agree(runs=174)


def agree(runs: int) -> dict[str, int]:
    """Let both apply what ``runs`` seeds lead to; return how often each outcome was met."""
    commands_run = 0
    counts: dict[str, int] = {}

    @settings(
        max_examples=runs, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(seed=st.integers(min_value=0, max_value=2**62))
    def run(seed: int) -> None:
        nonlocal commands_run
        trial = Trial(Random(seed))
        commands_run += trial.run(COMMANDS_PER_RUN)
        for what, count in trial.counts.items():
            counts[what] = counts.get(what, 0) + count

    run()
    assert commands_run >= runs * 2_000
    return counts


@pytest.mark.parametrize("seed", range(12))
def test_engine_and_naive_exchange_agree_on_the_same_run_each_time(seed):
    assert Trial(Random(seed)).run(300) >= 300


@pytest.mark.unmutated
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False), command_count=st.integers(1, 60))
def test_engine_and_naive_book_agree_on_short_runs_that_can_be_shrunk(random, command_count):
    Trial(random).run(command_count)


REASONS = set(get_args(RejectReason)) - {"order_not_found"}
OUTCOMES = (
    *sorted(REASONS),
    "trade",
    "undone batch",
    "reload",
    "limit new ",
    "limit partially_filled ",
    "limit filled ",
    "limit cancelled self_trade",
    "limit expired ioc_unfilled",
    "limit expired fok_unfillable",
    "limit expired interrupted",
    "market filled ",
    "market cancelled self_trade",
    "market expired no_liquidity",
    "market expired fok_unfillable",
    "market expired interrupted",
    *(f"prevented {mode}" for mode in SELF_TRADE_MODES if mode != "none"),
    "closed expired time_over",
    "closed expired post_only_would_cross",
    "closed expired list",
    "closed cancelled list",
    "closed cancelled market_closed",
    "closed cancelled protection",
    "triggered",
    "3 triggered",
    "list of 2 one",
    "list of 2 working",
    "list of 3 working",
    "list done",
    "replaced done, done",
    "replaced order_not_open, done",
    "replaced cancel_restricted, done",
    "replaced done, post_only_would_cross",
    "replaced done, would_trigger_at_once",
    *(f"phase {phase}" for phase in get_args(MarketPhase)),
    *(f"waits {state}" for state in ("rising", "falling", "trailing")),
)
