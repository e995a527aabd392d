"""The user's own data as a stream: listen keys, events, followers."""
