"""The Binance-compatible API: a translation of the same gateway, selectors and feed as v1."""
