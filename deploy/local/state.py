"""The cluster's home: where its state lies, and the files that say what runs and how far it is."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from zavora.runner.home import PROJECT_DIR, Home
from zavora.runner.processes import ProcessIdentity, is_alive, write_private

VARIABLE: Final = "ZAVORA_CLUSTER_HOME"
MARKER: Final = ".zavora-cluster-home"


def home_from_environment() -> Home:
    """Return the home that ZAVORA_CLUSTER_HOME names, by default one in the project."""
    return home_at(Path(os.environ.get(VARIABLE) or PROJECT_DIR / ".zavora-cluster"))


def home_at(path: Path) -> Home:
    """Return the home of a cluster in a folder."""
    return Home(path.resolve(), variable=VARIABLE, marker=MARKER)


def description_file(home: Home) -> Path:
    """Return the one file that says where everything is, while the cluster is up."""
    return home.path / "cluster.json"


def identity_file(home: Home) -> Path:
    """Return the file with what stays the same from start to start: the id and the network."""
    return home.path / "identity.json"


def progress_file(home: Home) -> Path:
    """Return the file with what the present start has done so far, for whoever waits for it."""
    return home.run / "progress"


def control_socket(home: Home) -> Path:
    """Return the socket by which the supervisor is asked."""
    return home.socket_folder() / "control.sock"


@dataclass(frozen=True, slots=True)
class Supervising:
    """The supervisor of a home and how far it is: starting, ready, or failed (and why)."""

    pid: int
    started: str
    phase: str
    message: str = ""

    @property
    def identity(self) -> ProcessIdentity:
        """Return the process."""
        return ProcessIdentity(self.pid, self.started)


def write_supervising(home: Home, state: Supervising) -> None:
    """Tell how far the supervisor is."""
    write_private(home.run / "supervisor.json", json.dumps(asdict(state)))


def read_supervising(home: Home) -> Supervising | None:
    """Return what the last supervisor told, dead or alive; None where there was none."""
    content = read_json(home.run / "supervisor.json")
    return Supervising(**content) if content else None


def running_supervisor(home: Home) -> Supervising | None:
    """Return the supervisor that runs on a home."""
    found = read_supervising(home)
    return found if found is not None and is_alive(found.identity) else None


def read_json(path: Path) -> dict[str, Any]:
    """Return a file's object, an empty one where there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError):
        return {}
    return content
