"""On what, how durably and along which path was measured: figures mean nothing without it."""

import os
import platform
import secrets
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from tests.exchange import Exchange

# Counted, but never in the way of one client that stands for thousands.
RAISED_LIMITS = {
    "ZAVORA_RATE_LIMIT_IP_PER_MINUTE": "100000000",
    "ZAVORA_RATE_LIMIT_KEY_PER_MINUTE": "100000000",
    "ZAVORA_RATE_LIMIT_ACCOUNT_PER_MINUTE": "100000000",
    "ZAVORA_COMPAT_WEIGHT_PER_MINUTE": "100000000",
    "ZAVORA_COMPAT_ORDERS_PER_10S": "100000000",
    "ZAVORA_COMPAT_ORDERS_PER_DAY": "100000000",
}
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method")


def production() -> dict[str, str]:
    """Return the settings that an exchange is measured with: those of production, limits raised."""
    return {
        **RAISED_LIMITS,
        "DEBUG": "0",
        "ZAVORA_FAUCET": "0",
        "SECRET_KEY": secrets.token_urlsafe(32),
        "LOG_FORMAT": "json",
    }


def describe(exchange: Exchange) -> dict[str, Any]:
    """Return the machine, the servers and the settings that decide how durable a commit is."""
    with psycopg.connect(exchange.database_url) as connection:
        durability = {name: _shown(connection, name) for name in DURABILITY}
        postgres = _shown(connection, "server_version")
    client = redis.Redis.from_url(exchange.redis_url)
    info: Any = client.info("server")
    client.close()
    if durability["fsync"] != "on" or durability["full_page_writes"] != "on":
        raise AssertionError(f"this is not a durable PostgreSQL: {durability}")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgresql": postgres,
        "queue": _queue_version(info),
        "durability": durability,
        "file_system_sync_ms": _sync_ms(exchange.home.path),
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }


def _queue_version(info: dict[str, Any]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info['redis_version']}"


def _shown(connection: "psycopg.Connection[Any]", name: str) -> str:
    row = connection.execute(f"SHOW {name}").fetchone()
    return str(row[0]) if row else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _sync_ms(folder: Path) -> float:
    """Return how long the disk below takes to make 8 KB durable: the median of 50 fdatasync."""
    path = folder / "sync.probe"
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(b"\0" * 8192)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - started)
    path.unlink()
    return round(sorted(took)[25] * 1000, 3)


def load_text() -> str:
    """Return how busy the machine is just now."""
    return f"load {', '.join(f'{load:.1f}' for load in os.getloadavg())} on {os.cpu_count()} cores"
