"""Fees: which rates an order gets and why, tiers, and the nightly review of volumes."""
