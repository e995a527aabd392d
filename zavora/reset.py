"""``python -m zavora.reset``: wipe the state of an exchange that is not running."""

import sys

from zavora.runner.reset import main

if __name__ == "__main__":
    sys.exit(main())
