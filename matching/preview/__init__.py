"""What the exchange would do with an order as things stand: nothing is written or queued for it."""
