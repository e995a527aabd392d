"""The pure matching engine: commands in, events out. Standard library and msgspec only."""

from matching.engine.engine import Engine
from matching.engine.errors import EngineError

__all__ = ["Engine", "EngineError"]
