"""Assets, balances and the ledger, and every way in and out of them."""
