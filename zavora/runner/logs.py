"""Where the lines of supervised processes go: a file each, and the terminal."""

import logging
import logging.handlers
import os
import sys

from zavora.runner.home import Home

LOG_FILE_BYTES_MAX = 10_000_000
LOG_FILES_MAX = 2


def prefixed(name: str, colour: str, line: str) -> str:
    """Return a log line that says whose it is, coloured on a terminal."""
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        return f"\x1b[{colour}m{name:>12} |\x1b[0m {line}"
    return f"{name:>12} | {line}"


def file_log(home: Home, name: str) -> logging.Logger:
    """Return what writes the log of one process, kept below a bound."""
    log = logging.getLogger(f"zavora.supervised.{name}")
    log.propagate = False
    log.setLevel(logging.INFO)
    if not log.handlers:
        log.addHandler(
            logging.handlers.RotatingFileHandler(
                home.logs / f"{name}.log",
                maxBytes=LOG_FILE_BYTES_MAX,
                backupCount=LOG_FILES_MAX - 1,
                delay=True,
            )
        )
    return log
