"""The demo: markets, people and simulated history, and the programs that trade in it.

Nothing of the exchange depends on this package.
"""
