"""Random replacements for the engine's trials."""

from typing import Any

import msgspec

from matching.engine.commands import Replace


def make_replace(maker: Any) -> Replace:
    """An order in another's place, mostly of the same account and in the same market."""
    market_id, account_id, order_id = maker.target()
    place = maker.place()
    if market_id in maker.naive.markets and account_id in maker.accounts:
        place = msgspec.structs.replace(
            place,
            market_id=market_id,
            account_id=account_id,
            owner_id=maker.owner_of(account_id),
            available_units=maker.available_units(market_id, account_id, place.terms.side),
        )
        maker.recent_ids[-1] = market_id, account_id, place.order_id
    else:
        market_id, account_id = place.market_id, place.account_id
    pick = maker.random.choice
    return Replace(
        market_id,
        account_id,
        order_id,
        place,
        pick((False, True)),
        maker.time_us,
        pick((None, None, None, "new", "partially_filled")),
    )
