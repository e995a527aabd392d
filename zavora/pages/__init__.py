"""The trading page, the frame of all pages, and what every answer of Django carries."""
