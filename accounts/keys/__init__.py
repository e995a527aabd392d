"""Bearer tokens and keys that sign requests: made, shown once, revoked."""
