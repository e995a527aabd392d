"""Asking the supervisor: how each process is, hold one, release one. A line of JSON each way."""

import contextlib
import json
import signal
import socket
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from zavora.runner.supervisor import Supervisor

REQUEST_BYTES_MAX: Final = 4_096
ANSWER_BYTES_MAX: Final = 1 << 20
TIMEOUT_S: Final = 10.0
# The loop that restarts processes waits for an asker no longer than this.
ASKER_WAIT_S: Final = 0.5


class ControlError(Exception):
    """The supervisor did not do it, or is not there; the message says why."""


class ControlServer:
    """Answers in the supervisor's own loop, one request at a time."""

    def __init__(self, supervisor: Supervisor, path: Path) -> None:
        self._supervisor = supervisor
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.setblocking(False)
        supervisor.watch(self._listener.fileno(), self._serve_one)

    def close(self) -> None:
        """Take no more."""
        self._listener.close()

    def _serve_one(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(ASKER_WAIT_S)
                connection.sendall(json.dumps(self._answer(_read_line(connection))).encode())

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            name, number = request.get("name", ""), request.get("signal")
            if request["do"] == "hold":
                self._supervisor.hold(name, signal.Signals(number) if number else None)
            elif request["do"] == "release":
                self._supervisor.release(name)
            elif request["do"] != "states":
                raise ValueError(f"do: expected hold, release or states, not {request['do']}")
        except KeyError as error:
            return {"error": f"no process is called {error.args[0]}"}
        except ValueError as error:
            return {"error": str(error)}
        return {"states": [asdict(state) for state in self._supervisor.states()]}


def ask(path: Path, do: str, **request: Any) -> list[dict[str, Any]]:
    """Ask the supervisor; return how each process is. Raises ControlError."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(str(path))
            connection.sendall(json.dumps({"do": do, **request}).encode() + b"\n")
            answer = b""
            while len(answer) < ANSWER_BYTES_MAX and (received := connection.recv(65_536)):
                answer += received
        content = json.loads(answer)
    except (OSError, ValueError) as error:
        raise ControlError(f"the supervisor does not answer: {error}") from error
    if "error" in content:
        raise ControlError(content["error"])
    states: list[dict[str, Any]] = content["states"]
    return states


def _read_line(connection: socket.socket) -> bytes:
    received = b""
    while b"\n" not in received and len(received) < REQUEST_BYTES_MAX:
        chunk = connection.recv(REQUEST_BYTES_MAX)
        if not chunk:
            break
        received += chunk
    return received
