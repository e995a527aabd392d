"""The feed: what the public and account owners see, live, from committed events."""
