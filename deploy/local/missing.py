"""What this machine lacks, told in one line; and where the programs are that it has."""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from zavora.runner.embedded.binaries import ServerMissing, find_postgres, find_valkey
from zavora.runner.embedded.privileges import RunAs, run_as_for
from zavora.runner.home import PROJECT_DIR

# Programs, and the Debian packages that have them.
PACKAGES: Final = {
    "etcd": "etcd-server",
    "haproxy": "haproxy",
    "nginx": "nginx-light",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
NAMESPACE_PACKAGES: Final = {"ip": "iproute2", "nft": "nftables", "nsenter": "util-linux"}
# An administrator's programs are not on everybody's PATH.
_PATH: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))


class Missing(Exception):
    """What the cluster needs is not here; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where each program is, and how PostgreSQL is run by this user."""

    debian: dict[str, str]
    postgres: Path
    valkey: Path
    patroni: Path
    run_as: RunAs

    def path(self, name: str) -> str:
        """Return the path of a program from a Debian package."""
        return self.debian[name]


def find_programs(*, with_namespaces: bool) -> Programs:
    """Return where everything is. Raises Missing with the command that installs what is not."""
    if sys.platform != "linux":
        raise Missing("the local cluster needs Linux")
    if with_namespaces and os.geteuid() != 0:
        raise Missing("ZAVORA_CLUSTER_HOSTS=namespaces needs root; without it: loopback")
    wanted = {**PACKAGES, **(NAMESPACE_PACKAGES if with_namespaces else {})}
    found = {name: shutil.which(name, path=_PATH) for name in wanted}
    lacking = sorted(wanted[name] for name, path in found.items() if path is None)
    if lacking:
        raise Missing(
            f"missing packages: apt-get install --no-install-recommends {' '.join(lacking)}"
            " (or: make cluster-packages, which starts none of their services)"
        )
    # Beside Zavora's own environment, whichever that is.
    patroni = Path(sys.prefix) / "cluster" / "bin" / "patroni"
    if not patroni.exists():
        raise Missing(f"{patroni} is missing: make cluster installs it")
    try:
        postgres, valkey = find_postgres().folder, find_valkey()
    except ServerMissing as error:
        raise Missing(str(error)) from error
    return Programs(
        debian={name: path for name, path in found.items() if path},
        postgres=postgres,
        valkey=valkey,
        patroni=patroni,
        run_as=run_as_for(postgres / "postgres"),
    )


def search_path() -> str:
    """Return the PATH that the cluster's processes get."""
    return _PATH


def project_folder() -> Path:
    """Return the checkout that the cluster runs."""
    return PROJECT_DIR
