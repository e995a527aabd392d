"""The Binance-compatible REST API: routes, parameters, handlers."""
