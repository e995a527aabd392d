"""The v1 REST views and the WebSocket."""
