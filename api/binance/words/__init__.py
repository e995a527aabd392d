"""How the Binance-compatible API spells things: symbols, figures, orders, errors."""
