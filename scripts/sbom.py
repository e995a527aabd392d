"""Write which parts of others Zavora is made of, as CycloneDX 1.5: for whoever looks for holes.

Read from the locks, so it names what is installed and nothing else. A part that is distributed as
several files has the hash of each.

    python scripts/sbom.py > sbom.json
"""

import base64
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# "name==version ; marker \" and the hashes on the lines below it.
PINNED = re.compile(r"^([\w.-]+)==([^\s;]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
NODE_MODULES = "node_modules/"


def python_parts(lock: str) -> Iterator[dict[str, Any]]:
    """Yield the components of a lock as uv writes it."""
    part: dict[str, Any] | None = None
    for line in lock.splitlines():
        if found := PINNED.match(line):
            if part is not None:
                yield part
            name, version = found.groups()
            part = _part(name, version, f"pkg:pypi/{name}@{version}")
        if part is not None:
            part["hashes"] += [_hash("SHA-256", text) for text in HASH.findall(line)]
    if part is not None:
        yield part


def node_parts(lock: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the components of a lock as npm writes it, those that only building needs included."""
    for path, one in lock["packages"].items():
        if not path:  # what the lock is of
            continue
        name = path.rpartition(NODE_MODULES)[2]
        purl = f"pkg:npm/{name.replace('@', '%40')}@{one['version']}"
        part = _part(name, one["version"], purl)
        digest = base64.b64decode(one["integrity"].removeprefix("sha512-")).hex()
        part["hashes"].append(_hash("SHA-512", digest))
        part["scope"] = "excluded" if one.get("dev") else "required"
        yield part


def document() -> dict[str, Any]:
    """Return the whole document: what runs, and what the pages are built of."""
    lock = json.loads((ROOT / "frontend/package-lock.json").read_text())
    parts = [*python_parts((ROOT / "requirements.txt").read_text()), *node_parts(lock)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "zavora"}},
        "components": parts,
    }


def _part(name: str, version: str, purl: str) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": [],
    }


def _hash(kind: str, text: str) -> dict[str, str]:
    return {"alg": kind, "content": text}


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=1)
    print()
