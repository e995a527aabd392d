"""The one parser of views: the exact JSON reader that the edge uses."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from api.transport import exact_json
from api.transport.errors import PayloadTooLarge


class ExactJSONParser(BaseParser):
    """Reads a bounded body with ``api.transport.exact_json``."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the body's value. Raises BadRequest or PayloadTooLarge."""
        bytes_max: int = settings.ZAVORA_BODY_BYTES_MAX
        body = stream.read(bytes_max + 1)
        if len(body) > bytes_max:
            raise PayloadTooLarge(f"A body has at most {bytes_max} bytes.")
        return exact_json.parse(body)
