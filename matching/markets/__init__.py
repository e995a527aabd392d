"""Markets: their rules, what changes them, and where to read them."""
