"""What of the exchange was not as it should be, and when: noted look by look, read by a page."""
