"""Run the Python client's tests on each Python that it is for, as somebody would install it.

``python scripts/client_tests.py [--python 3.12] [-- pytest's arguments]``. The oldest Python gets
the oldest packages that the client allows, the others the newest. The exchange that the tests ask
runs by the checkout's own Python. A Python that is not here is named at the end; where ``CI`` is
set that is a failure.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parent.parent
CLIENT: Final = PROJECT / "clients/python"
ENVIRONMENTS: Final = Path(sys.prefix) / "client"
VERSIONS: Final = ("3.11", "3.12", "3.13")
OLDEST: Final = VERSIONS[0]


def python_of(version: str) -> str | None:
    """Return the path of a Python of that version, None where there is none."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    found = subprocess.run(
        [_uv(), "python", "find", "--system", version],
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        text=True,
    )
    if found.returncode == 0:
        return found.stdout.strip()
    # Installed by pyenv, and not switched on.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    kept = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    return str(kept[-1]) if kept else None


def environment(version: str, python: str) -> Path:
    """Make an environment with the client in it, built as a package; return its Python."""
    folder = ENVIRONMENTS / version
    subprocess.run([_uv(), "venv", "--quiet", "--clear", "--python", python, folder], check=True)
    inside = folder / "bin/python"
    resolution = "lowest-direct" if version == OLDEST else "highest"
    group = f"{CLIENT / 'pyproject.toml'}:test"
    subprocess.run(
        [
            *(_uv(), "pip", "install", "--quiet", "--python", inside),
            *("--resolution", resolution, "--group", group, f"{CLIENT}[keys]"),
        ],
        check=True,
    )
    return inside


def run(version: str, python: str, arguments: list[str]) -> bool:
    """Run the tests on a Python; return whether they passed."""
    inside = environment(version, python)
    _say(f"Python {version} ({'oldest' if version == OLDEST else 'newest'} packages)")
    # Not from the sources: what is tested is what is installed.
    options = ["-o", "pythonpath=tests", "-m", "not trial", "-q", *arguments]
    done = subprocess.run(
        [inside, "-m", "pytest", *options],
        cwd=CLIENT,
        env={**os.environ, "ZAVORA_EXCHANGE_PYTHON": sys.executable},
    )
    return done.returncode == 0


def main() -> int:
    """Run them all; return 0 where all that are here passed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", action="append", choices=VERSIONS, dest="versions")
    parser.add_argument("arguments", nargs="*", help="for pytest")
    asked = parser.parse_args()
    results: dict[str, str] = {}
    for version in asked.versions or VERSIONS:
        python = python_of(version)
        if python is None:
            results[version] = "not tried: no such Python here"
        else:
            results[version] = "passed" if run(version, python, asked.arguments) else "FAILED"
    for version, result in results.items():
        _say(f"Python {version}: {result}")
    is_missing = any(result.startswith("not") for result in results.values())
    return int("FAILED" in results.values() or (is_missing and bool(os.environ.get("CI"))))


def _uv() -> str:
    return str(Path(sys.prefix) / "bin/uv")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
