"""Which rates an order gets: the rule against the rule in words, and tiers over time."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from accounts.money.balances import AccountFigures
from accounts.people.fee_terms import FeeTerms, MarketRates, TierRates, fee_terms_of
from matching.fee_models import FeeTier
from matching.fees.rates import explained_rates, rates_of
from matching.fees.tiers import effective_after, tier_for
from matching.markets.terms import Promotion
from tests.terms import btc_usd

TERMS = btc_usd()
TIMES = st.integers(0, 20)
PPM = st.integers(-30, 30)
TIERS = st.builds(TierRates, TIMES, st.integers(0, 3), PPM, PPM)


def optional(strategy):
    return st.none() | strategy


FIGURES = st.builds(
    AccountFigures,
    status=st.just("active"),
    maker_fee_ppm=optional(PPM),
    taker_fee_ppm=optional(PPM),
    owner_id=st.just(1),
    fees=optional(
        st.builds(
            FeeTerms,
            tiers=st.lists(TIERS, max_size=2).map(
                lambda tiers: tuple(sorted(tiers, key=lambda tier: tier.from_us))
            ),
            markets=st.lists(
                st.builds(MarketRates, st.integers(7, 8), PPM, PPM, optional(TIMES)),
                max_size=2,
                unique_by=lambda rates: rates.market_id,
            ).map(tuple),
        )
    ),
)


@given(FIGURES, PPM, PPM, optional(st.builds(Promotion, PPM, PPM, TIMES, TIMES)), TIMES)
def test_rates_are_as_the_rule_says_in_words(account, maker, taker, promotion, now):
    rules = replace(TERMS.rules, maker_fee_ppm=maker, taker_fee_ppm=taker)
    terms = replace(TERMS, rules=rules, promotion=promotion)
    fees = account.fees or FeeTerms()
    expected = []
    for name, of_market, own in (
        ("maker_ppm", maker, account.maker_fee_ppm),
        ("taker_ppm", taker, account.taker_fee_ppm),
    ):
        here = [r for r in fees.markets if r.market_id == 7]
        here = [r for r in here if r.until_us is None or now < r.until_us]
        begun = [tier for tier in fees.tiers if tier.from_us <= now][-1:]
        offers = [of_market, *(getattr(tier, name) for tier in begun if tier.level)]
        if promotion is not None and promotion.from_us <= now < promotion.until_us:
            offers.append(getattr(promotion, name))
        if here:
            expected.append(getattr(here[0], name))
        else:
            expected.append(min(offers) if own is None else own)
    assert rates_of(account, terms, now) == tuple(expected)
    explained = explained_rates(account, terms, now)
    assert tuple(rate.ppm for rate in explained) == tuple(expected)


@given(FIGURES)
def test_terms_are_read_as_they_were_written(account):
    fees = account.fees or FeeTerms()
    assert fee_terms_of(fees.text) == fees


def tier(from_us, level, maker=10, taker=20):
    return TierRates(from_us, level, maker, taker)


def test_a_tier_takes_the_place_of_what_was_to_come():
    fees = FeeTerms().with_tier(tier(10, 1), now_us=5)
    assert fees.tier_at(9) is None
    assert fees.tier_at(10) == fees.next_tier(9) == tier(10, 1)
    # Decided anew before it holds: the same one stays as it is announced.
    assert fees.with_tier(tier(12, 1), now_us=6) is fees
    other = fees.with_tier(tier(12, 2), now_us=6)
    assert (other.tier_at(11), other.tier_at(12)) == (None, tier(12, 2))
    # Nothing changes, or what was to change does not any more.
    assert other.with_tier(tier(20, 2), now_us=15) is other
    up = other.with_tier(tier(20, 3), now_us=15)
    assert (up.tier_at(19), up.tier_at(20)) == (tier(12, 2), tier(20, 3))
    assert up.with_tier(tier(20, 2), now_us=15) == other
    # The same level at other rates is a change.
    assert up.with_tier(tier(40, 3, 5), now_us=30).tier_at(40) == tier(40, 3, 5)


def test_no_tier_is_kept_only_until_it_holds():
    fees = FeeTerms().with_tier(tier(10, 1), now_us=5)
    down = fees.with_tier(tier(30, 0, 0, 0), now_us=20)
    assert (down.tier_at(29), down.tier_at(30)) == (tier(10, 1), None)
    assert down.with_tier(tier(50, 0, 0, 0), now_us=40).text is None
    assert FeeTerms().with_tier(tier(50, 0, 0, 0), now_us=40).text is None


@pytest.mark.parametrize(
    ("volume", "level"), [("0", 0), ("99.99", 0), ("100", 1), ("999", 1), ("1000", 2), ("1e18", 2)]
)
def test_a_volume_earns_the_highest_tier_that_it_reaches(volume, level):
    tiers = [FeeTier(1, Decimal(100), 8, 9), FeeTier(2, Decimal(1000), -1, 5)]
    assert tier_for(tiers, Decimal(volume), 77) == (
        TierRates(77, level, *((0, 0), (8, 9), (-1, 5))[level])
    )


@pytest.mark.parametrize(
    ("now", "effective"),
    [
        ((0, 20), (1, 0)),
        ((0, 59), (1, 0)),
        ((0, 59, 1), (2, 0)),  # less than a minute ahead
        ((5, 20), (6, 0)),
        ((23, 30), (0, 0)),
    ],
)
def test_tiers_hold_from_a_stated_time_that_is_ahead(now, effective):
    moment = datetime(2026, 11, 29, *now, tzinfo=UTC)
    found = effective_after(moment)
    assert (found.hour, found.minute) == effective
    assert 60 <= (found - moment).total_seconds() <= 3_661


def test_a_rate_of_its_own_may_be_zero():
    account = AccountFigures("active", 0, 0, 1, FeeTerms())
    terms = replace(TERMS, rules=replace(TERMS.rules, maker_fee_ppm=-5, taker_fee_ppm=9))
    assert rates_of(account, terms, 0) == (0, 0)
