"""What accounts are worth, what that cost and what it brought: derived from ledger and candles."""
