"""Providers, who move money outside: which one is set, and how it is spoken with."""
