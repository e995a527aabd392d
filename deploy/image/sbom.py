"""Write what is in the image as CycloneDX: Debian's packages and Python's (`make image-sbom`).

    python deploy/image/sbom.py IMAGE --syft .venv/deploy/bin/syft > image-sbom.json

What the pages are built of is inside their files, where nobody can see it any more: `make sbom`
has it from its lock.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Save the image, let syft look into it; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image")
    parser.add_argument("--syft", required=True, type=Path)
    arguments = parser.parse_args()
    program = next((name for name in ("podman", "docker") if _has(name, arguments.image)), None)
    if program is None:
        print(f"image-sbom: skipped, {arguments.image} is not here: make image", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    with tempfile.TemporaryDirectory(prefix="zavora-sbom-") as folder:
        archive = Path(folder) / "image.tar"
        subprocess.run([program, "save", "--output", str(archive), arguments.image], check=True)
        command = [
            *(str(arguments.syft), "scan", "--quiet", f"docker-archive:{archive}"),
            *("--source-name", arguments.image, "--output", "cyclonedx-json"),
        ]
        return subprocess.run(command, check=False).returncode


def _has(program: str, image: str) -> bool:
    if shutil.which(program) is None:
        return False
    asked = subprocess.run([program, "image", "inspect", image], capture_output=True, check=False)
    return asked.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
