"""Build the image: by Docker where one answers, else by buildah on a base made here.

    python deploy/image/build.py [--tag localhost/zavora:dev] [--base IMAGE]

Without a registry the base is made by mmdebstrap from Debian's packages (Python 3.11 is Debian
12's own): the same Dockerfile builds on it. That way needs root and Debian's packages buildah and
mmdebstrap; where they are missing this says so and ends with 0, in CI with 1.
"""

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DOCKERFILE: Final = ROOT / "deploy/image/Dockerfile"
DEFAULT_TAG: Final = "localhost/zavora:dev"
# What a base of ours is called. It never takes the name of somebody else's image.
OWN_BASE: Final = "localhost/zavora-base:bookworm"
BASE_PACKAGES: Final = "python3,python3-venv,ca-certificates,tini"
# Nothing reads these in a container.
BASE_WITHOUT: Final = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
)
AUTHORITIES: Final = "/etc/ssl/certs/ca-certificates.crt"


class CannotBuild(Exception):
    """What building needs is not here; the message says what."""


def main() -> int:
    """Build, and say how large it became."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tag", default=DEFAULT_TAG)
    parser.add_argument("--base", default="", help="an image with Python 3.11; pin it by digest")
    arguments = parser.parse_args()
    try:
        if _docker_answers():
            _build_by_docker(arguments.tag, arguments.base)
            size = _output("docker", "image", "inspect", "-f", "{{.Size}}", arguments.tag)
        else:
            _build_by_buildah(arguments.tag, arguments.base or _own_base())
            size = _output("podman", "image", "inspect", "--format", "{{.Size}}", arguments.tag)
    except CannotBuild as error:
        print(f"image: skipped, {error}", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    print(f"{arguments.tag}: {int(size) / 1e6:.0f} MB")
    return 0


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "version"], capture_output=True, check=False)
    return asked.returncode == 0


def _build_by_docker(tag: str, base: str) -> None:
    named = ["--build-arg", f"BASE={base}"] if base else []
    _run("docker", "build", "-f", str(DOCKERFILE), "-t", tag, *named, *_labels(), str(ROOT))


def _build_by_buildah(tag: str, base: str) -> None:
    _need("buildah", "podman")
    _run(
        *("buildah", "bud", "--pull-never", "--isolation", "chroot", "--format", "docker"),
        # Layers that did not change are taken from the last build.
        *("--layers", "-f", str(DOCKERFILE), "-t", tag, "--build-arg", f"BASE={base}"),
        *_labels(),
        *_own_authorities(),
        str(ROOT),
    )


def _own_base() -> str:
    """Return a base, made now unless it was made before."""
    _need("buildah", "podman", "mmdebstrap")
    if subprocess.run(["podman", "image", "exists", OWN_BASE], check=False).returncode == 0:
        return OWN_BASE
    print(f"No registry is asked: making {OWN_BASE} of Debian's packages")
    with tempfile.TemporaryDirectory(prefix="zavora-base-") as folder:
        tar = str(Path(folder) / "base.tar")
        _run(
            *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE_PACKAGES}"),
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in BASE_WITHOUT),
            *("bookworm", tar),
        )
        container = _output("buildah", "from", "scratch")
        try:
            _run("buildah", "add", "--quiet", container, tar, "/")
            # No user is set here: the build itself has to be root.
            _run("buildah", "commit", "--quiet", "--format", "docker", container, OWN_BASE)
        finally:
            _run("buildah", "rm", container)
    return OWN_BASE


def _labels() -> list[str]:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    try:
        revision = _output("git", "-C", str(ROOT), "rev-parse", "HEAD")
        created = _output("git", "-C", str(ROOT), "show", "-s", "--format=%cI", "HEAD")
    except subprocess.CalledProcessError:
        revision, created = "unknown", datetime.datetime.now(datetime.UTC).isoformat("T", "seconds")
    named = {"VERSION": version, "REVISION": revision, "CREATED": created}
    return [part for name, value in named.items() for part in ("--build-arg", f"{name}={value}")]


def _own_authorities() -> list[str]:
    """Return how authorities and settings of this machine go along, but not into the image."""
    parts = []
    if Path(AUTHORITIES).is_file():
        inside = "/run/build-authorities.crt"
        parts += ["--volume", f"{AUTHORITIES}:{inside}:ro"]
        for name in ("PIP_CERT", "NODE_EXTRA_CA_CERTS", "NPM_CONFIG_CAFILE"):
            parts += ["--build-arg", f"{name}={inside}"]
    for name in ("PIP_INDEX_URL", "NPM_CONFIG_REGISTRY"):
        if value := os.environ.get(name):
            parts += ["--build-arg", f"{name}={value}"]
    return parts


def _need(*programs: str) -> None:
    if missing := [name for name in programs if shutil.which(name) is None]:
        raise CannotBuild(
            f"no Docker answers, and {', '.join(missing)} of Debian's packages is missing"
        )
    if os.geteuid() != 0:
        raise CannotBuild("no Docker answers, and buildah with a base of our own needs root")


def _run(*command: str) -> None:
    if code := subprocess.run(command, check=False).returncode:
        raise SystemExit(f"image: {' '.join(command[:3])} ended with {code}")


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
