"""What a cluster's Prometheus says."""

import http.client
from typing import Any
from urllib.parse import urlencode

from deploy.local.cluster import Cluster
from deploy.local.readiness import fetch_json


def ask(cluster: Cluster, expr: str) -> list[dict[str, Any]]:
    """Return the series of a query; none where Prometheus does not answer. Raises ValueError."""
    path = f"/api/v1/query?{urlencode({'query': expr})}"
    try:
        answer = fetch_json(cluster.address("prometheus"), path)
    except (OSError, http.client.HTTPException):
        return []
    if answer["status"] != "success":
        raise ValueError(f"{expr}: {answer.get('error')}")
    return list(answer["data"]["result"])
