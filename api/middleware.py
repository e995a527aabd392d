"""What every answer of Django carries: who may keep it, and for pages a content security policy.

And our envelope for foreign hosts and for what services refuse outside of a form.
"""

from collections.abc import Callable
from typing import Final

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from api.caching import is_public
from api.errors import answer_error, bad_request_view
from zavora.errors import ZavoraError

# Scripts come from us alone. The chart library writes a style element of its own.
POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self' {sockets}; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class PolicyMiddleware:
    """Refuses a host that is not ours before anything else sees it; sets the policy's headers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        try:
            host = request.get_host()
        except DisallowedHost as error:
            return bad_request_view(request, error)
        response = self.get_response(request)
        # Whatever does not say that it is public is somebody's own.
        if not response.has_header("Cache-Control") and not is_public(response):
            response["Cache-Control"] = "no-store"
        if response.get("Content-Type", "").startswith("text/html"):
            # 'self' does not mean sockets in every browser yet.
            scheme = "wss" if request.is_secure() else "ws"
            response.setdefault(
                "Content-Security-Policy", POLICY.format(sockets=f"{scheme}://{host}")
            )
            response.setdefault("Referrer-Policy", "same-origin")
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what a service refused and no view put into a form: 503 with Retry-After, ..."""
        return answer_error(request, exception) if isinstance(exception, ZavoraError) else None
