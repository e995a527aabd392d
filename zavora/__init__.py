"""Zavora: a spot exchange in Python and Django."""

__version__ = "0.1.0"
