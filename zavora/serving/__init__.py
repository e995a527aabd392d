"""The three web servers, started with bounds on what a stranger may make them hold.

``python -m zavora.serving uvicorn|granian|daphne`` serves ``zavora.asgi``. What a server can bound
by an option is set by it; what it cannot is in a subclass of its protocol here (docs/operations.md
has the table, ADR 13 the measurements).
"""
