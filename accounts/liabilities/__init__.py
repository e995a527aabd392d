"""Proof of liabilities: what the exchange owes, and that everybody is counted in."""
