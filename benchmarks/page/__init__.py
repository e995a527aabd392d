"""The trading page in a browser, measured: what it costs, how soon it shows, whether it grows."""
