"""Which version a process is of, as its sign of life says: the release, and the commit if known."""

import os
from typing import Final

from zavora import __version__

COMMIT: Final = os.environ.get("ZAVORA_COMMIT", "")[:40]
VERSION: Final = f"{__version__}+{COMMIT[:12]}" if COMMIT else __version__
