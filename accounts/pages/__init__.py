"""The account pages, and the door to all pages."""
