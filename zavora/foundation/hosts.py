"""Which ``Host`` a request may name: the same answer for the edge, the sockets and Django.

The answer to a name is kept, so a busy edge pays for a look into a dictionary.
"""

from functools import lru_cache
from typing import Any, Final

from django.http.request import split_domain_port, validate_host

from zavora.foundation.setting_values import SettingValue

HOST: Final = b"host"
# Probes name the machine that they found, whatever that is; what they read is no secret.
HEALTH_PATHS: Final = frozenset({"/health", "/api/v1/health"})
LIVE_PATHS: Final = frozenset({"/health/live", "/api/v1/health/live"})
READY_PATHS: Final = frozenset({"/health/ready", "/api/v1/health/ready"})
ANY_HOST_PATHS: Final = HEALTH_PATHS | LIVE_PATHS | READY_PATHS

_ALLOWED: Final = SettingValue("ALLOWED_HOSTS")


@lru_cache(maxsize=1_024)
def _is_allowed(host: bytes, allowed: tuple[str, ...]) -> bool:
    domain, _ = split_domain_port(host.decode("latin-1"))
    return bool(domain) and validate_host(domain, allowed)


def is_host_allowed(scope: dict[str, Any]) -> bool:
    """Tell whether a request or handshake names one of our hosts, exactly once.

    HTTP/1.0 knows no ``Host``: there the address counts that the client connected to.
    """
    host: bytes | None = None
    for name, value in scope["headers"]:
        if name == HOST:
            if host is not None:
                return False
            host = value
    if host is None:
        server = scope.get("server")
        if scope.get("http_version") != "1.0" or not server:
            return scope["path"] in ANY_HOST_PATHS
        host = str(server[0]).encode("latin-1", "replace")
        if b":" in host:
            host = b"[%s]" % host
    return _is_allowed(host, tuple(_ALLOWED.value)) or scope["path"] in ANY_HOST_PATHS
