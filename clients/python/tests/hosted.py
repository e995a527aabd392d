"""An exchange that runs beside the tests, as they see it."""

import contextlib
import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any, Self

CHECKOUT = Path(__file__).resolve().parents[3]
HOST = Path(__file__).resolve().parent / "exchange_host.py"
# Which Python runs the exchange, whatever runs the tests.
PYTHON_VARIABLE = "ZAVORA_EXCHANGE_PYTHON"
STOP_WAIT_S = 60


class HostedExchange:
    """A whole exchange of real processes, started by ``with``."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._people = 0
        self.url = ""

    def __enter__(self) -> Self:
        """Start it and wait until it is healthy."""
        python = os.environ.get(PYTHON_VARIABLE) or str(CHECKOUT / ".venv/bin/python")
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ZAVORA_", "PYTHON", "DJANGO", "VIRTUAL_ENV", "UV_"))
            or name in {"ZAVORA_TEST_STATES", "PYTHONPYCACHEPREFIX"}
        }
        self._process = subprocess.Popen(
            [python, str(HOST), json.dumps(self._options)],
            cwd=CHECKOUT,
            env={**environment, "PYTHONPATH": str(CHECKOUT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._read()["url"]
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WAIT_S)
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def do(self, name: str, *arguments: Any) -> Any:
        """Have something done, and return its result."""
        with self._lock:
            assert self._process is not None
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"do": name, "with": arguments}) + "\n")
            self._process.stdin.flush()
            said = self._read()
        if "error" in said:
            raise AssertionError(said["error"])
        return said["result"]

    def token(self, *, scopes: str = "read,trade") -> str:
        """Return the token of somebody new, who has an account without money."""
        self._people += 1
        email = f"client-{self._people}@example.com"
        said: str = self.do("manage", "create_token", "--email", email, "--scopes", scopes)
        return said.strip().splitlines()[-1]

    def signing_key(self, *, kind: str = "hmac") -> tuple[str, str]:
        """Return a signing key of somebody new, who has money, and its secret."""
        self._people += 1
        person = ("--email", f"client-{self._people}@example.com", "--fund")
        said = self.do("manage", "create_api_key", *person, "--kind", kind)
        made = json.loads(said.strip().splitlines()[-1])
        return made["key"], made["secret"]

    def market(self, symbol: str, *options: str) -> str:
        """Make a market, and return its symbol."""
        self.do("manage", "create_market", symbol, *options)
        self.do("wait_until_listed", symbol)
        return symbol

    def _read(self) -> Any:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the exchange ended with {self._process.wait()}")
        return json.loads(line)
