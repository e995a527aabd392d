"""Two versions side by side: a checkout of the former one, and which process runs from which."""

import contextlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest

from deploy.local.application import CHECKOUTS_VARIABLE
from deploy.local.cluster import Cluster
from deploy.local.plan import ZAVORA
from zavora.runner.home import PROJECT_DIR

VARIABLE: Final = "ZAVORA_FORMER_REVISION"
# What two versions have to agree on.
_AGREED: Final = (
    *("accounts/migrations", "marketdata/migrations", "matching/migrations"),
    *("accounts/notices.py", "marketdata/wire.py", "matching/wire.py", "matching/commands"),
)
# Made by steps of their own before anything runs, by the version that the tables are of.
PREPARING: Final = ("tables", "markets")


class Versions:
    """A former version and this one, and from which of them each process starts."""

    def __init__(self, links: Path, former: Path, revision: str) -> None:
        self._links = links
        self.former = former
        self.revision = revision
        self.put(former, *PREPARING, *ZAVORA)

    @property
    def settings(self) -> dict[str, str]:
        """What a cluster needs to know of it."""
        return {CHECKOUTS_VARIABLE: str(self._links)}

    def put(self, checkout: Path, *names: str) -> None:
        """Let processes start from a checkout from now on."""
        for name in names:
            new = self._links / f".{name}"
            new.symlink_to(checkout, target_is_directory=True)
            new.replace(self._links / name)


def runs_from(cluster: Cluster, name: str) -> Path | None:
    """Return the checkout that a process runs from; None while it does not run."""
    found = cluster.identity(name)
    if found is None:
        return None
    with contextlib.suppress(psutil.Error):
        return Path(psutil.Process(found.pid).cwd())
    return None


@contextlib.contextmanager
def former_and_this() -> Iterator[Versions]:
    """Check the former version out, with what it needs to run. Skips where there is no history."""
    revision = former_revision()
    with tempfile.TemporaryDirectory(prefix="zavora-former-") as path:
        folder, links = Path(path) / "checkout", Path(path) / "processes"
        folder.mkdir()
        links.mkdir()
        _check_out(revision, folder)
        _give_packages(folder)
        # What `make build` wrote; pages are no part of what is tried.
        for built in (".static", "static/build"):
            if (PROJECT_DIR / built).exists():
                (folder / built).symlink_to(PROJECT_DIR / built, target_is_directory=True)
        yield Versions(links, folder.resolve(), revision)


def former_revision() -> str:
    """Return which revision is the former version.

    That is what ZAVORA_FORMER_REVISION says; else the latest tag that differs from this commit;
    else what the main line was before its latest change of migrations or messages.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted:
        return _commit(wanted) or pytest.fail(f"{VARIABLE}={wanted}: no such revision here")
    if (head := _commit("HEAD")) is None:
        _give_up("no history is here to take a former version from")
    tag = _git("describe", "--tags", "--abbrev=0", "HEAD^")
    if tag and (tagged := _commit(tag)) != head and tagged:
        return tagged
    changed = _git("rev-list", "-1", "--first-parent", "HEAD", "--", *_AGREED)
    return _commit(f"{changed}^") or _give_up("no former version is in this history")


def _give_up(why: str) -> str:
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(why)
    pytest.skip(f"{why}; {VARIABLE} names one")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _commit(revision: str) -> str | None:
    return _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") or None


def _check_out(revision: str, folder: Path) -> None:
    with subprocess.Popen(
        ["git", "archive", "--format=tar", revision], cwd=PROJECT_DIR, stdout=subprocess.PIPE
    ) as archive:
        assert archive.stdout is not None
        with tarfile.open(fileobj=archive.stdout, mode="r|") as tar:
            tar.extractall(folder, filter="data")
    assert archive.returncode == 0, f"git archive {revision}"


def _give_packages(folder: Path) -> None:
    """Let it run on the packages of its own lock: those that are here, where the locks agree."""
    lock, environment = folder / "requirements.txt", folder / ".venv"
    if lock.read_bytes() == (PROJECT_DIR / "requirements.txt").read_bytes():
        environment.symlink_to(sys.prefix, target_is_directory=True)
        return
    uv = Path(sys.prefix) / "bin" / "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", environment / "bin" / "python"]
    subprocess.run([*install, "--require-hashes", "-r", lock], check=True)
