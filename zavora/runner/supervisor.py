"""Run the processes of an exchange on one machine: restart what dies, end together.

One thread and one loop: it waits for output, for signals and for the next thing that is due. Why
no library does this for us: docs/adr/0002-supervisor.md.
"""

import contextlib
import functools
import logging
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FrameType

from zavora.runner.home import Home
from zavora.runner.logs import file_log, prefixed
from zavora.runner.processes import (
    ProcessIdentity,
    ProcessRecord,
    ProcessSpec,
    Stage,
    identify,
    is_alive,
    signal_process,
    spawn,
)

# A process that ends is started again after a pause that doubles up to the maximum, and is short
# again once the process has lived for a while.
RESTART_PAUSE_MIN_S = 0.2
RESTART_PAUSE_MAX_S = 10.0
HEALTHY_AFTER_S = 10.0
# Before the exchange is ready somebody is watching: a process that ends so often has a fault.
STARTUP_EXITS_MAX = 8
# How long the kernel may take to end what was killed.
KILL_WAIT_S = 1.0
TICK_MAX_S = 0.5
READ_BYTES_MAX = 65_536
LINE_BYTES_MAX = 16_384
TAIL_LINES_MAX = 15
# Which lines a person sees without asking for all of them.
WORTH_SHOWING = re.compile(r"warning|error|critical|fatal|panic|traceback|starting again", re.I)
COLOURS = ("36", "32", "33", "35", "34", "96", "92", "93", "95", "94")


class StopRequested(Exception):
    """A signal asked us to stop while something was being waited for."""


class StartFailed(Exception):
    """The exchange cannot start; the message says why, with the last words of who failed."""


@dataclass(frozen=True, slots=True)
class ChildState:
    """How a supervised process is: ``pid`` is None while it does not run."""

    name: str
    pid: int | None
    is_held: bool
    exits: int
    exit_code: int | None


@dataclass(slots=True)
class Child:
    """A supervised process: what it is, and how it has been doing."""

    spec: ProcessSpec
    colour: str
    log: logging.Logger
    restarts: bool = True
    process: subprocess.Popen[bytes] | None = None
    identity: ProcessIdentity | None = None
    started_at: float = 0.0
    due_at: float | None = None
    pause_s: float = RESTART_PAUSE_MIN_S
    exits: int = 0
    exit_code: int | None = None
    pending: bytes = b""
    tail: list[str] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not been seen to end."""
        return self.process is not None


class Supervisor:
    """Starts processes in order, restarts what dies, stops all in reverse order.

    Use it as a context manager: leaving it stops everything, whatever happened inside.
    """

    def __init__(
        self,
        home: Home,
        *,
        show: Callable[[str], None],
        shows_all_logs: bool = False,
    ) -> None:
        self._home = home
        self._shows_all_logs = shows_all_logs
        self._show = show
        self._record = ProcessRecord(home.processes_file)
        self._children: dict[str, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._signals_seen: list[int] = []
        self._stopping = False
        self.is_ready = False
        self._wakeup_read, self._wakeup_write = os.pipe()
        for end in (self._wakeup_read, self._wakeup_write):
            os.set_blocking(end, False)
        self._selector.register(self._wakeup_read, selectors.EVENT_READ, None)

    def __enter__(self) -> "Supervisor":
        """Take over the signals, and end what an earlier supervisor left behind."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup ignores HUP and means it; INT is ignored only because a shell began us with "&".
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # it only has to wake the loop
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        for name in self._record.end_leftovers():
            self._show(f"ended {name}, left by an earlier run")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.stop()
        signal.set_wakeup_fd(-1)
        self._selector.close()
        os.close(self._wakeup_read)
        os.close(self._wakeup_write)

    def start(self, spec: ProcessSpec, *, restarts: bool = True) -> None:
        """Start a process; it is restarted for as long as the supervisor runs."""
        child = Child(
            spec=spec,
            colour=COLOURS[len(self._children) % len(COLOURS)],
            log=file_log(self._home, spec.name),
            restarts=restarts,
        )
        self._children[spec.name] = child
        self._launch(child)

    def run_to_end(self, spec: ProcessSpec, *, wait_s: float) -> list[str]:
        """Run a step to its end and return its last lines. Raises StartFailed if it fails."""
        self.start(spec, restarts=False)
        child = self._children[spec.name]
        self.wait_until(lambda: not child.is_running, wait_s=wait_s, what=spec.name)
        del self._children[spec.name]
        if child.exit_code != 0:
            raise StartFailed(_last_words(child))
        return child.tail

    def wait_until(self, condition: Callable[[], bool], *, wait_s: float, what: str) -> None:
        """Keep everything going until ``condition``. Raises StartFailed or StopRequested."""
        deadline = time.monotonic() + wait_s
        while not condition():
            self.tick(timeout_s=0.05)
            if self._stop_is_requested():
                raise StopRequested
            for child in self._children.values():
                if child.exits > STARTUP_EXITS_MAX:
                    raise StartFailed(_last_words(child))
            if time.monotonic() > deadline:
                raise StartFailed(f"{what} is not ready after {wait_s:.0f} s")

    def wait_until_ready(self, names: Iterable[str], *, wait_s: float) -> None:
        """Wait until the named processes say that they are ready."""
        for name in names:
            child = self._children[name]
            self.wait_until(functools.partial(_is_ready, child), wait_s=wait_s, what=name)

    def run_forever(self) -> None:
        """Keep everything going until a signal asks to stop."""
        while not self._stop_is_requested():
            self.tick(timeout_s=TICK_MAX_S)

    def watch(self, descriptor: int, notice: Callable[[], None]) -> None:
        """Call ``notice`` from the loop whenever there is something to read."""
        self._selector.register(descriptor, selectors.EVENT_READ, notice)

    def hold(self, name: str, signal_number: signal.Signals | None = None) -> None:
        """End a process, by its own stop signal or another, and keep it down until ``release``."""
        child = self._children[name]
        child.restarts, child.due_at = False, None
        if child.identity is not None:
            signal_process(child.identity, signal_number or child.spec.stop_signal)

    def release(self, name: str) -> None:
        """Start a process again that was held, and restart it from then on."""
        child = self._children[name]
        child.restarts, child.pause_s = True, RESTART_PAUSE_MIN_S
        if not child.is_running:
            child.due_at = time.monotonic()

    def states(self) -> list[ChildState]:
        """Return how each process is, in the order of starting."""
        return [
            ChildState(
                name=child.spec.name,
                pid=child.process.pid if child.process else None,
                is_held=not child.restarts,
                exits=child.exits,
                exit_code=child.exit_code,
            )
            for child in self._children.values()
        ]

    def tick(self, *, timeout_s: float) -> None:
        """Pass on output, notice who ended, start who is due; wait ``timeout_s`` at most."""
        due = [c.due_at for c in self._children.values() if c.due_at is not None]
        if due:
            timeout_s = max(0.0, min(timeout_s, min(due) - time.monotonic()))
        for key, _ in self._selector.select(timeout_s):
            if key.data is None:
                _drain(self._wakeup_read)
            elif isinstance(key.data, Child):
                self._pass_on(key.data)
            else:
                key.data()
        for child in list(self._children.values()):
            self._notice_exit(child)
            if child.due_at is not None and child.due_at <= time.monotonic():
                self._launch_again(child)

    def stop(self) -> None:
        """Stop everything, the last stage first; a second signal hurries.

        Each stage has as long as the most patient of its processes, so the whole takes at most
        the sum over the stages, and a moment for each that has to be killed.
        """
        self._stopping = True
        signals_before = len(self._signals_seen)
        children = list(reversed(self._children.values()))
        for child in children:
            child.due_at = None
        for stage in sorted(Stage, reverse=True):
            members = [child for child in children if child.spec.stage == stage]
            self._stop_stage(members, hurried=lambda: len(self._signals_seen) > signals_before)
        if not any(child.identity and is_alive(child.identity) for child in children):
            self._record.clear()

    def _stop_stage(self, members: list[Child], *, hurried: Callable[[], bool]) -> None:
        running = [child for child in members if child.is_running and child.identity]
        for child in running:
            assert child.identity is not None
            signal_process(child.identity, child.spec.stop_signal)
        until = time.monotonic() + max((c.spec.stop_grace_s for c in running), default=0.0)
        self._wait_for_end(running, until=until, give_up=hurried)
        deaf = [child for child in running if child.is_running]
        for child in deaf:
            assert child.identity is not None
            self._show(f"{child.spec.name} does not stop: killed")
            signal_process(child.identity, signal.SIGKILL, group=True)
        self._wait_for_end(deaf, until=time.monotonic() + KILL_WAIT_S)

    def _wait_for_end(
        self,
        children: list[Child],
        *,
        until: float,
        give_up: Callable[[], bool] = lambda: False,
    ) -> None:
        while any(c.is_running for c in children) and time.monotonic() < until and not give_up():
            self.tick(timeout_s=0.05)

    def _launch(self, child: Child) -> None:
        child.due_at = None
        child.started_at = time.monotonic()
        try:
            child.process = spawn(child.spec, stdout=subprocess.PIPE)
        except OSError as error:
            raise StartFailed(f"{child.spec.name} cannot be started: {error}") from error
        child.identity = identify(child.process.pid)
        self._record.add(child.spec, child.process.pid)
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _launch_again(self, child: Child) -> None:
        """Start a process that ended; where the machine cannot just now, later: others run on."""
        try:
            self._launch(child)
        except StartFailed as failure:
            self._say(child, f"{failure}; trying again in {child.pause_s:.1f} s")
            child.due_at = time.monotonic() + child.pause_s
            child.pause_s = min(child.pause_s * 2, RESTART_PAUSE_MAX_S)

    def _notice_exit(self, child: Child) -> None:
        if child.process is None or child.process.poll() is None:
            return
        code = child.process.returncode
        self._pass_on(child, is_last=True)
        if child.process.stdout is not None:
            if child.process.stdout in self._selector.get_map():
                self._selector.unregister(child.process.stdout)
            child.process.stdout.close()
        child.process = None
        child.exits += 1
        child.exit_code = code
        self._end_group(child)
        if self._stopping or not child.restarts:
            return
        lived_s = time.monotonic() - child.started_at
        if lived_s >= HEALTHY_AFTER_S:
            child.pause_s = RESTART_PAUSE_MIN_S
        ended = f"killed by signal {-code}" if code < 0 else f"ended with code {code}"
        self._say(child, f"{ended} after {lived_s:.1f} s; starting again in {child.pause_s:.1f} s")
        child.due_at = time.monotonic() + child.pause_s
        child.pause_s = min(child.pause_s * 2, RESTART_PAUSE_MAX_S)

    def _end_group(self, child: Child) -> None:
        """End what a process that died has left in its group, which could hold on to its port."""
        if child.identity and child.spec.stage is not Stage.SERVER:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.identity.pid, signal.SIGKILL)

    def _pass_on(self, child: Child, *, is_last: bool = False) -> None:
        """Read what a process has written and pass on its whole lines."""
        stdout = child.process.stdout if child.process else None
        if stdout is None or stdout.closed:
            return
        while True:
            try:
                chunk = os.read(stdout.fileno(), READ_BYTES_MAX)
            except BlockingIOError:
                break
            if not chunk:
                if stdout in self._selector.get_map():
                    self._selector.unregister(stdout)
                break
            child.pending += chunk
            *lines, child.pending = child.pending.split(b"\n")
            if len(child.pending) > LINE_BYTES_MAX:
                lines, child.pending = [*lines, child.pending], b""
            for line in lines:
                self._say(child, line.decode(errors="replace").rstrip())
            if not is_last:
                break  # the others have a turn before more of this one
        if is_last and child.pending:
            self._say(child, child.pending.decode(errors="replace").rstrip())
            child.pending = b""

    def _say(self, child: Child, line: str) -> None:
        child.log.info(line)
        child.tail = [*child.tail[-TAIL_LINES_MAX + 1 :], line]
        if self._shows_all_logs or (self.is_ready and WORTH_SHOWING.search(line)):
            self._show(prefixed(child.spec.name, child.colour, line))

    def _note_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals_seen.append(number)

    def _stop_is_requested(self) -> bool:
        return bool(self._signals_seen)


def _is_ready(child: Child) -> bool:
    if child.process is None or child.spec.is_ready is None:
        return False
    return child.spec.is_ready(child.process.pid)


def _last_words(child: Child) -> str:
    return "\n".join([f"{child.spec.name} failed; its last lines:", *child.tail])


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            pass
    except BlockingIOError:
        pass
