"""``python -m zavora.run``: start a whole exchange on this machine."""

import sys

from zavora.runner.run import main

if __name__ == "__main__":
    sys.exit(main())
