"""Price alerts: set by people, watched trade by trade, told by page and mail."""
