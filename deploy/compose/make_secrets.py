"""Make the secrets that compose.yaml names, each once, and a certificate for a first trial.

    python3 deploy/compose/make_secrets.py exchange.example

What is there stays as it is: keys that are replaced close what they sealed. The certificate is
signed by itself; put your own into secrets/tls.crt and secrets/tls.key.
"""

import argparse
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent / "secrets"
DAYS: Final = 90


def main() -> int:
    """Write what is missing; say what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("host", help="the name by which browsers will ask")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    # The folder keeps others of this machine out; each file is read by another user of a container.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in ("postgres_password", "owner_password", "run_password", "queue_password"):
        _write(folder / name, secrets.token_urlsafe(32))
    for name in ("secret_key", "sealing_keys"):
        _write(folder / name, secrets.token_urlsafe(48))
    database = "postgres:5432/zavora"
    for role, name in (("owner", "owner_database_url"), ("run", "database_url")):
        password = (folder / f"{role}_password").read_text()
        _write(folder / name, f"postgresql://zavora_{role}:{password}@{database}")
    queue = (folder / "queue_password").read_text()
    _write(folder / "redis_url", f"redis://:{queue}@valkey:6379/0")
    _write(folder / "valkey.conf", f"requirepass {queue}\n")
    _certificate(folder, arguments.host)
    return 0


def _write(path: Path, value: str) -> None:
    if path.exists():
        return
    path.write_text(value)
    path.chmod(0o444)
    print(f"made {path.name}")


def _certificate(folder: Path, host: str) -> None:
    key, certificate = folder / "tls.key", folder / "tls.crt"
    if key.exists() or certificate.exists():
        return
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", str(DAYS), "-subj", f"/CN={host}"),
            *("-addext", f"subjectAltName=DNS:{host}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    for path in (key, certificate):
        path.chmod(0o444)
    print(f"made tls.crt, signed by itself, for {DAYS} days")


if __name__ == "__main__":
    sys.exit(main())
