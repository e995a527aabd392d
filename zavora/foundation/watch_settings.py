"""Settings of what leaves for whoever watches: a share of requests as traces, and failures."""

from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

RATIO: Final = "ZAVORA_TRACE_RATIO"
# As every collector's own page calls it; /v1/traces is added to it.
ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
DSN: Final = "SENTRY_DSN"


def parse_ratio(text: str) -> float:
    """Return which share of requests is traced. Raises ValueError."""
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:  # nor is a NaN
        raise ValueError(f"{RATIO}={text}: expected a number from 0 to 1, like 0.01")
    return ratio


def parse_endpoint(text: str) -> str:
    """Return a collector's address, without a slash at the end. Raises ValueError."""
    if not _is_address(text) or urlsplit(text).username is not None:
        raise ValueError(
            f"{ENDPOINT}: expected a collector's address for OTLP over HTTP, like"
            " http://127.0.0.1:4318"
        )
    return text.rstrip("/")


def parse_dsn(text: str) -> str:
    """Return where failures are reported to. Raises ValueError, which does not repeat it."""
    parts = urlsplit(text) if _is_address(text) else None
    if parts is None or not parts.username or not parts.path.rpartition("/")[2].isdecimal():
        raise ValueError(
            f"{DSN}: expected an address with a public key and a project's number, like"
            " https://KEY@sentry.example/1"
        )
    return text


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        # Asked for, as only then it is looked at.
        return bool(parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError:
        return False


def watch_settings(env: Any) -> dict[str, Any]:
    """Return these settings by name, from the environment as django-environ reads it.

    Raises ImproperlyConfigured.
    """
    ratio_text, endpoint, dsn = (env.str(name, default="") for name in (RATIO, ENDPOINT, DSN))
    try:
        ratio = parse_ratio(ratio_text) if ratio_text else 0.0
        endpoint = parse_endpoint(endpoint) if endpoint else ""
        dsn = parse_dsn(dsn) if dsn else ""
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None
    if ratio and not endpoint:
        raise ImproperlyConfigured(
            f"{RATIO}={ratio_text}: traces go nowhere; set {ENDPOINT}, like http://127.0.0.1:4318"
        )
    return {RATIO: ratio, ENDPOINT: endpoint, DSN: dsn}
