"""Sets one report as a PDF: JSON comes in, a PDF goes out. A program of its own.

What a document takes in memory goes with the process; so does a document that takes too long, also
where whoever waited for it was killed meanwhile.
"""

import json
import resource
import sys
from datetime import datetime
from pathlib import Path

import typst

TEMPLATE = Path(__file__).with_name("report.typ")
# Seconds of all cores together: more than may be waited for on two of them.
CPU_S_MAX = 120
# A PDF of as many cells as there may be takes a third of it.
DATA_BYTES_MAX = 2_147_483_648


def main() -> None:
    """Read ``{report, timestamp}``, write the file."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES_MAX, DATA_BYTES_MAX))
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
