"""What the engine raises: only for what no client can cause."""


class EngineError(Exception):
    """The caller broke the engine's contract, or the tables contradict themselves."""
