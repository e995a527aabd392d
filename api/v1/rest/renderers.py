"""The one renderer of views: msgspec's JSON, the same as the edge's."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer

from api.transport.exact_json import encode


class EnvelopeJSONRenderer(BaseRenderer):
    """Writes what a view returns: ``{data, meta?}``, or the envelope of an error."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the body."""
        return b"" if data is None else encode(data)
