"""Runs a whole exchange for these tests, by the checkout's own Python, and does what it is told.

The client and the exchange are both called `zavora`: no process can have both. So this one is
started beside the tests (``hosted.py``), and reads lines of JSON: ``{"do": name, "with": [...]}``.
"""

import json
import os
import sys
from typing import Any

from tests.exchange import CommandFailed, Exchange, NotInTime
from tests.signed import let_memory_be_old

PUBLIC = frozenset(
    {
        "create_token", "health", "kill", "manage", "pid", "restart", "wait_until_healthy",
        "wait_until_listed",
    }
)  # fmt: skip


def main() -> None:
    """Start an exchange, answer until there are no more lines, stop it."""
    # Whatever else is printed goes to stderr, so that answers are all there is on stdout.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    options = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    with Exchange(demo=True, **options) as exchange:
        let_memory_be_old(exchange.redis_url)
        _say(answers, {"url": exchange.base_url})
        for line in sys.stdin:
            asked = json.loads(line)
            _say(answers, _done(exchange, asked["do"], asked.get("with", [])))


def _done(exchange: Exchange, name: str, arguments: list[Any]) -> dict[str, Any]:
    try:
        if name not in PUBLIC:
            raise ValueError(f"{name} is nothing that is done for tests")
        return {"result": getattr(exchange, name)(*arguments)}
    except (CommandFailed, NotInTime, ValueError, KeyError, OSError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _say(answers: Any, said: dict[str, Any]) -> None:
    answers.write(json.dumps(said) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
