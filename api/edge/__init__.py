"""Order entry and public market data as a small asynchronous ASGI application (docs/adr)."""
