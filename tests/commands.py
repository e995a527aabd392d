"""Django's command line for one exchange, without starting Python anew for every command.

    commands = CommandLine(env)
    done = commands.run(["create_token", "--email", "ann@example.com"], timeout_s=60)
    commands.close()

``python -m tests.commands`` is the other end: a process that has everything imported and forks for
each command, which then runs as ``manage.py`` runs it, in the environment that it began with. It
holds no connection to any server, and ends when nobody can ask it any more.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from zavora.runner.home import PROJECT_DIR

ENDED_BY_PYTHON: Final = 1


class CommandLine:
    """Runs commands one after the other; may be asked from any thread."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Describe it; the process is started by the first command."""
        self._env = dict(env)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def run(self, arguments: Sequence[str], *, timeout_s: float) -> Any:
        """Run a command and return it as ``subprocess.run`` does. Raises TimeoutExpired."""
        with self._lock, tempfile.TemporaryDirectory(prefix="zavora-command-") as folder:
            process = self._process or self._start()
            outputs = [f"{folder}/{name}" for name in ("stdout", "stderr")]
            asked = {"arguments": list(arguments), "outputs": outputs}
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], timeout_s)[0]:
                self._end()
                raise subprocess.TimeoutExpired(list(arguments), timeout_s)
            answer = process.stdout.readline()
            if not answer:
                self._end()
                raise AssertionError("the process that runs commands has ended")
            stdout, stderr = (Path(path).read_text() for path in outputs)
            return subprocess.CompletedProcess(list(arguments), int(answer), stdout, stderr)

    def close(self) -> None:
        """End the process; a later command starts another."""
        with self._lock:
            self._end()

    def _start(self) -> "subprocess.Popen[str]":
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.commands"],
            env=self._env,
            cwd=PROJECT_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)  # a command that runs still is in its session
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


# --- the other end --------------------------------------------------------------------------------


def serve() -> None:
    """Run what is asked for by standard input, each command in a fork."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")

    import django
    from django.urls import get_resolver

    django.setup()
    _ = get_resolver().url_patterns  # most commands check them, so they need them all
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            answers.close()
            _run(asked["arguments"], asked["outputs"])
        _, status = os.waitpid(child, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


def _run(arguments: list[str], outputs: list[str]) -> None:
    """Be ``manage.py`` with these arguments, and end."""
    import manage

    code: Any = ENDED_BY_PYTHON
    for descriptor, path in zip((0, 1, 2), (os.devnull, *outputs), strict=True):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    try:
        sys.argv = ["manage.py", *arguments]
        manage.main()
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        else:
            code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
