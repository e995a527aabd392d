"""Reports of accounts: what was asked for, how far it is, and the parts of its file."""
