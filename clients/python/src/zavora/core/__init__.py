"""What sync and async clients share: calls, signatures, retries and pace, without any I/O."""
