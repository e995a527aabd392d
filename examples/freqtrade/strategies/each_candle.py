"""The simplest strategy that trades all the time: in with each candle, out half a minute later."""

from datetime import datetime, timedelta
from typing import Any

from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy
from pandas import DataFrame

HOLD = timedelta(seconds=20)


class EachCandle(IStrategy):
    """Buy at every candle, sell soon after. It is here to make orders, not money."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    can_short = False
    process_only_new_candles = False
    startup_candle_count = 1
    minimal_roi = {"0": 10}
    # So near that some of the stops on the exchange are reached.
    stoploss = -0.0001
    use_exit_signal = True

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Add nothing: the candle itself is the signal."""
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Enter with every candle."""
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, Any]) -> DataFrame:
        """Leave the exits to ``custom_exit``."""
        dataframe["exit_long"] = 0
        return dataframe

    def custom_exit(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        **kwargs: Any,
    ) -> str | None:
        """Sell what has been held long enough."""
        return "held long enough" if current_time - trade.open_date_utc >= HOLD else None
