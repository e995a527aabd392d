"""Look for secrets in what git has or would take: keys, tokens, passwords (gitleaks).

    python deploy/tools/leaks.py .venv/deploy/bin/gitleaks

What is ignored (homes, environments, secrets of a trial) is not looked at: it goes nowhere.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
CONFIG: Final = Path(__file__).with_name("gitleaks.toml")


def main() -> int:
    """Copy the tree and let gitleaks look at the copy; its exit code."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="zavora-leaks-") as folder:
        copy = Path(folder)
        for name in filter(None, listed.split("\0")):
            source = ROOT / name
            # Deleted, but not yet committed; or a link, whose target is looked at where it stands.
            if not source.is_file() or source.is_symlink():
                continue
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        options = ("--no-banner", "--redact", "--verbose", "--config", str(CONFIG))
        command = [str(Path(sys.argv[1]).resolve()), "dir", *options, "."]
        return subprocess.run(command, cwd=copy, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
