"""What a replay of a journal found."""

import msgspec


class Verified(msgspec.Struct):
    """What a replay found. ``differences`` is empty where journal and tables agree.

    ``checkpoint``: the one that it began from; 0: the beginning. ``passed``: how many it came by,
    ``unread``: of how many nothing can be said, because another version wrote them,
    ``archived``: how many orders and trades have left the tables and were replayed alone.
    """

    shard_id: int
    sequence: int = 0  # of the last command that the tables count
    checkpoint: int = 0
    passed: int = 0
    unread: int = 0
    commands: int = 0
    orders: int = 0
    trades: int = 0
    entries: int = 0
    state_hash: str = ""
    archived: int = 0
    differences: list[str] = []
