"""Start processes that end with their starter, and know them again after a crash.

A pid alone names nobody: it is used again. A process is known by its pid *and* its start, both are
on record, and nothing that does not match both is ever signalled.
"""

import contextlib
import ctypes
import enum
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

IS_LINUX = sys.platform == "linux"
if not IS_LINUX:
    import psutil  # Linux tells more, and faster, by /proc

PR_SET_PDEATHSIG = 1
POLL_S = 0.02
# How long a process may take to vanish after SIGKILL before we report it.
KILL_WAIT_S = 5.0
# No rights for group and others on anything that is made.
PRIVATE_UMASK = 0o077

_libc = ctypes.CDLL(None, use_errno=True) if IS_LINUX else None


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of this machine: ``started`` differs for a later process with the same pid."""

    pid: int
    started: str


class Stage(enum.IntEnum):
    """When a process starts; the stages stop in reverse, the processes of one stage together.

    The web stops before what answers it, and the servers after everything that uses them.
    """

    GROUND = -1  # what the servers themselves stand on, such as the store that says who leads
    SERVER = 0
    CORE = 1
    WEB = 2
    BACKGROUND = 3  # the exchange is ready without these


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What to start and how to end it. Readiness and clean-up before a start are optional."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path | None = None
    # For PostgreSQL TERM means "wait until all clients have left": it wants INT.
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace_s: float = 2.0
    stage: Stage = Stage.BACKGROUND
    before_start: Callable[[], None] | None = None
    is_ready: Callable[[int], bool] | None = None


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of a live process; a zombie is dead."""
    try:
        if IS_LINUX:
            # The command in field 2 may hold spaces and parentheses; state and start follow it.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if fields[0] in "ZX":
                return None
            return ProcessIdentity(pid, f"{_boot_id()}:{fields[19]}")
        return _identify_by_psutil(pid)
    except OSError:
        return None


def _identify_by_psutil(pid: int) -> ProcessIdentity | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return ProcessIdentity(pid, f"{process.create_time():.2f}")
    except psutil.Error:
        return None


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_alive(identity: ProcessIdentity) -> bool:
    """Return whether exactly this process still lives."""
    return identify(identity.pid) == identity


def spawn(spec: ProcessSpec, *, stdout: int | IO[Any] | None = None) -> subprocess.Popen[bytes]:
    """Start ``spec`` in a session of its own; stdout and stderr both go to ``stdout``.

    On Linux the kernel sends it its stop signal when the *thread* that called this ends, so only
    the main thread may. The session keeps a terminal's Ctrl-C for the starter to act on.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("only the main thread may start processes: children end with a thread")
    if spec.before_start:
        spec.before_start()
    parent = os.getpid()

    def prepare_child() -> None:
        # Whatever it writes is its owner's alone.
        os.umask(PRIVATE_UMASK)
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(spec.stop_signal), 0, 0, 0)
            if os.getppid() != parent:  # it died before the request above
                os._exit(1)

    return subprocess.Popen(
        spec.argv,
        env=dict(spec.env),
        cwd=spec.cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=prepare_child,
    )


def end_with_parent_process(signal_number: signal.Signals) -> None:
    """Ask the kernel to send this process ``signal_number`` when its parent dies (Linux only)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)


def signal_process(
    identity: ProcessIdentity, signal_number: signal.Signals, *, group: bool = False
) -> None:
    """Send a signal to this process (and, if it leads one, its group) if it still lives."""
    if not is_alive(identity):
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group and os.getpgid(identity.pid) == identity.pid:
            os.killpg(identity.pid, signal_number)
        else:
            os.kill(identity.pid, signal_number)


def end_processes(
    identities: Iterable[ProcessIdentity], *, stop_signal: signal.Signals, grace_s: float
) -> list[ProcessIdentity]:
    """End processes: ``stop_signal`` first, SIGKILL to their groups after ``grace_s`` seconds.

    Returns those that live on all the same, for want of permission.
    """
    remaining = [identity for identity in identities if is_alive(identity)]
    for identity in remaining:
        signal_process(identity, stop_signal)
    remaining = _wait_until_gone(remaining, wait_s=grace_s)
    for identity in remaining:
        signal_process(identity, signal.SIGKILL, group=True)
    return _wait_until_gone(remaining, wait_s=KILL_WAIT_S)


def _wait_until_gone(identities: list[ProcessIdentity], *, wait_s: float) -> list[ProcessIdentity]:
    deadline = time.monotonic() + wait_s
    while (alive := [i for i in identities if is_alive(i)]) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return alive


class ProcessRecord:
    """The file that says which processes were started, and how each wants to be stopped.

    It is written whole and renamed into place, so a reader never sees half of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, dict[str, Any]] = {}

    def add(self, spec: ProcessSpec, pid: int) -> None:
        """Note a process that was just started, in the place of an earlier one of that name."""
        identity = identify(pid)
        if identity is None:  # it has ended already
            self._entries.pop(spec.name, None)
        else:
            self._entries[spec.name] = {
                "pid": pid,
                "started": identity.started,
                "stop_signal": int(spec.stop_signal),
                "stop_grace_s": spec.stop_grace_s,
            }
        self._write()

    def clear(self) -> None:
        """Forget everything: all were seen to end."""
        self._entries.clear()
        self._path.unlink(missing_ok=True)

    def end_leftovers(self) -> list[str]:
        """End what an earlier starter left behind, last started first; returns their names.

        Only processes whose pid and start both match the record are touched.
        """
        try:
            entries: dict[str, dict[str, Any]] = json.loads(self._path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            entries = {}
        ended = []
        for name, entry in reversed(entries.items()):
            identity = ProcessIdentity(entry["pid"], entry["started"])
            if not is_alive(identity):
                continue
            ended.append(name)
            end_processes(
                [identity],
                stop_signal=signal.Signals(entry["stop_signal"]),
                grace_s=entry["stop_grace_s"],
            )
        self.clear()
        return ended

    def _write(self) -> None:
        write_private(self._path, json.dumps(self._entries, indent=1))


def private_opener(path: str, flags: int) -> int:
    """Open a file, made for its owner only whatever the umask (``opener`` of ``open``)."""
    return os.open(path, flags, 0o600)


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in one step, readable by its owner only."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)
