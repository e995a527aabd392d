"""What stands in reports: statements, trades and their gains, the exchange by the day."""
