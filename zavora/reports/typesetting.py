"""Sets one report as a PDF: JSON comes in, a PDF goes out. A program of its own.

What a document takes in memory goes with the process; so does a document that takes too long.
"""

import json
import sys
from datetime import datetime
from pathlib import Path

import typst

TEMPLATE = Path(__file__).with_name("report.typ")


def main() -> None:
    """Read ``{report, timestamp}``, write the file."""
    asked = json.load(sys.stdin.buffer)
    body = typst.compile(
        TEMPLATE.read_bytes(),
        format="pdf",
        # The only way in: a text that the template reads as data.
        sys_inputs={"report": json.dumps(asked["report"])},
        # Not the time of now: made again, the file is the same.
        timestamp=datetime.fromisoformat(asked["timestamp"]),
    )
    sys.stdout.buffer.write(body)


if __name__ == "__main__":
    main()
