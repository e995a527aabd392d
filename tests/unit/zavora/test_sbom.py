"""The list of parts names what the locks do, each with its hashes."""

import json
import re
from importlib.metadata import distributions

from scripts.sbom import ROOT, document, python_parts

DIGESTS = {"SHA-256": 64, "SHA-512": 128}


def test_every_part_of_the_locks_is_named_with_its_hashes() -> None:
    parts = document()["components"]
    by_kind = {kind: [p for p in parts if p["purl"].startswith(f"pkg:{kind}/")] for kind in _KINDS}
    lock = (ROOT / "requirements.txt").read_text()
    node = json.loads((ROOT / "frontend/package-lock.json").read_text())["packages"]

    assert len(by_kind["pypi"]) == sum(line[:1] not in ("", " ", "#") for line in lock.split("\n"))
    assert len(by_kind["npm"]) == len(node) - 1
    assert sum(len(part["hashes"]) for part in by_kind["pypi"]) == lock.count("--hash=")
    for part in parts:
        assert part["hashes"], part["name"]
        for one in part["hashes"]:
            assert len(one["content"]) == DIGESTS[one["alg"]], part["name"]
    assert len({part["bom-ref"] for part in parts}) == len(parts)


def test_what_is_installed_is_in_the_list() -> None:
    installed = {_plain(one.name): one.version for one in distributions()}
    listed: dict[str, set[str]] = {}
    for part in document()["components"]:
        listed.setdefault(_plain(part["name"]), set()).add(part["version"])

    for name in ("django", "django-allauth", "cryptography", "uvicorn"):
        assert installed[name] in listed[name]


def test_a_part_with_a_marker_is_read() -> None:
    digest = "0a" * 32
    lock = f"a.b==1.2 ; python_version < '3' \\\n    --hash=sha256:{digest}\n    # via c\n"

    (part,) = python_parts(lock)

    assert (part["name"], part["version"], part["purl"]) == ("a.b", "1.2", "pkg:pypi/a.b@1.2")
    assert part["hashes"] == [{"alg": "SHA-256", "content": digest}]


_KINDS = ("pypi", "npm")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
