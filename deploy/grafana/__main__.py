"""``python -m deploy.grafana``: write the dashboards beside this file, or compare (``--check``)."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import edge, money, shard, storage, venue

FOLDER: Final = Path(__file__).resolve().parent
DASHBOARDS: Final[dict[str, Callable[[], Dashboard]]] = {
    "venue": venue.build,
    "shard": shard.build,
    "edge": edge.build,
    "storage": storage.build,
    "money": money.build,
}


def text_of(dashboard: Dashboard) -> str:
    """Return a dashboard as Grafana imports it."""
    return JSONEncoder(sort_keys=True, indent=1).encode(dashboard.build()) + "\n"


def main() -> int:
    """Write, or compare; return the exit code."""
    texts = {FOLDER / f"{name}.json": text_of(build()) for name, build in DASHBOARDS.items()}
    if "--check" not in sys.argv[1:]:
        for path, text in texts.items():
            path.write_text(text)
        return 0
    old = [path.name for path, text in texts.items() if not _says(path, text)]
    old += [path.name for path in FOLDER.glob("*.json") if path not in texts]
    if old:
        print(f"deploy/grafana: {', '.join(sorted(old))}: old; run make dashboards")
    return 1 if old else 0


def _says(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
