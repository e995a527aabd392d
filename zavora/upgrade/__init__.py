"""From one version to the next while both run: what migrations lock, and who is in the way."""
