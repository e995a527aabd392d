"""What the tests of deploy/ need: the tools, and the image."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.containers import Containers, containers
from tests.deploy.tools import TOOLS, tool

IMAGE_VARIABLE = "ZAVORA_IMAGE"


@pytest.fixture(scope="session")
def image() -> str:
    """The image that ``make image-test`` names; nobody else has one."""
    name = os.environ.get(IMAGE_VARIABLE)
    if not name:
        pytest.skip("`make image-test` runs this, on the image that it builds")
    if shutil.which("podman") is None or os.geteuid() != 0:
        pytest.skip("needs root, and Debian's packages podman and runc")
    return name


@pytest.fixture(scope="module")
def started(image: str) -> Iterator[Containers]:
    """Servers without tables, for containers of the image."""
    with containers(image) as servers:
        yield servers


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of helm, kubectl and the linters. In CI they have to be there."""
    if not tool("helm").is_file():
        if os.environ.get("CI"):
            pytest.fail(f"{TOOLS} is missing: `make chart-test` makes it")
        pytest.skip("`make chart-test` runs this, with the tools that it installs")
    return TOOLS
