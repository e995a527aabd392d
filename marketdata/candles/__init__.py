"""Candles and tickers: counted from committed trades, exactly once."""
