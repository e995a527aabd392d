"""Django's PostgreSQL, with commits that are successes only where nothing is in doubt."""
