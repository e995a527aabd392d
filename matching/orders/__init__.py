"""Orders and trades at rest: reads, ids, and what is kept of them."""
