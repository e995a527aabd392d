"""The Python client's own tests, in a process of their own: both packages are `zavora`."""

import os
import subprocess
import sys

from zavora.runner.home import PROJECT_DIR

CLIENT = PROJECT_DIR / "clients/python"


def test_the_clients_own_tests_pass() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not trial", "-p", "no:cacheprovider"],
        cwd=CLIENT,
        env={**environment, "ZAVORA_EXCHANGE_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
