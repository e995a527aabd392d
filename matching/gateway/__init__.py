"""The way in to the workers: submit a command, wait for its commit."""
