"""A provider's webhook: its signature is checked, what it says is kept, and it is answered.

No session, token or cookie counts here. Once what it says is in the tables the provider need not
tell it again, whatever becomes of it; it is applied at once where nothing stands in the way.
"""

from typing import Final

import msgspec
import structlog
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from accounts import services
from accounts.access.actor import Actor
from accounts.providers.config import get_provider
from accounts.providers.messages import BODY_BYTES_MAX, read_message
from accounts.providers.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_signed
from api import limits
from api.transport.errors import MethodNotAllowed, PayloadTooLarge, answer_error, known_error
from zavora.foundation import lasting
from zavora.foundation.addresses import counted_as
from zavora.foundation.errors import Unauthorized
from zavora.foundation.leases import LEASES, Limit
from zavora.foundation.times import now_ms

_BY_ADDRESS: Final = Limit(
    "provider-address", "ZAVORA_PROVIDER_WEBHOOKS_PER_MINUTE", limits.MINUTE_S
)

log = structlog.get_logger(__name__)


@csrf_exempt
def webhook(request: HttpRequest) -> HttpResponse:
    """Take one event. 200: it is kept, and need not be sent again."""
    try:
        if request.method != "POST":
            raise MethodNotAllowed("POST")
        outcome = _take(request)
        # The provider never tells it again: what we confirm has to last.
        lasting.wait()
    except Exception as error:
        return answer_error(request, known_error(error))
    response = JsonResponse({"data": {"outcome": outcome}})
    response["Cache-Control"] = "no-store"
    return response


def _take(request: HttpRequest) -> str:
    address = request.META.get("REMOTE_ADDR", "")
    if _BY_ADDRESS.capacity:
        limits.take_in_thread([(LEASES.of(_BY_ADDRESS, counted_as(address)), 1)])
    body = request.body
    if len(body) > BODY_BYTES_MAX:
        raise PayloadTooLarge("The body is too large.")
    provider = get_provider()
    if provider is None or not is_signed(
        provider.webhook_secrets,
        timestamp=request.headers.get(TIMESTAMP_HEADER, ""),
        signature=request.headers.get(SIGNATURE_HEADER, ""),
        body=body,
        now_s=now_ms() / 1_000,
    ):
        log.warning("webhook_refused", address=address)
        raise Unauthorized("This is not signed by the provider, or not just now.")
    by = msgspec.structs.replace(
        Actor.system(f"provider:{provider.name}"),
        address=address,
        request_id=getattr(request, "request_id", ""),
    )
    event = services.receive_event(by=by, provider=provider.name, message=read_message(body))
    try:
        event = services.apply_event(by=by, event_id=event.pk)
    except DatabaseError as error:
        # Somebody else's lock, or the database went away: the clockwork applies it.
        log.warning("webhook_applied_later", provider_event=event.pk, error=type(error).__name__)
    return str(event.outcome)
