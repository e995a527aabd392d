"""v1 over a WebSocket, ``/ws``."""
