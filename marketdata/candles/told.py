"""The latest figures of all markets as the market data service told them, for who has no feed."""

from typing import Any

import msgspec
from redis.exceptions import RedisError

from accounts.redis_client import get_redis
from marketdata.wire import TICKERS_KEY, TickerState, decode_tickers


def get_told_tickers() -> dict[int, TickerState]:
    """Return each market's last 24 hours by its id, a second old; empty where nothing is told."""
    try:
        body: Any = get_redis().get(TICKERS_KEY)
    except RedisError:
        return {}
    try:
        return {state.market_id: state for state in decode_tickers(body)} if body else {}
    except msgspec.MsgspecError:  # another version's words
        return {}
