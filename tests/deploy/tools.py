"""Programs of PyPI that check deploy/, in the environment of deploy/tools."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from zavora.runner.home import PROJECT_DIR

TOOLS: Final = Path(sys.prefix) / "deploy" / "bin"
DEPLOY: Final = PROJECT_DIR / "deploy"


def tool(name: str) -> Path:
    """Return where a program is, if it is installed."""
    return TOOLS / name


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in the project's folder."""
    return subprocess.run(
        [str(tool(name)), *arguments], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )


def output(name: str, *arguments: str) -> str:
    """Return what a program writes. Raises AssertionError where it fails."""
    done = run(name, *arguments)
    assert done.returncode == 0, f"{name} {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
