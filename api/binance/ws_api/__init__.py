"""The WebSocket API: the calls of REST as ``{id, method, params}``, and streams of user data."""
