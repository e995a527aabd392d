"""The market streams of the Binance-compatible API: each encoded once for all who follow it."""
