"""What a table of routes is made of: handlers, their weights, who may call them, the request."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any
from uuid import UUID

from asgiref.sync import iscoroutinefunction

from accounts.access.callers import Caller
from api.binance.rest.params import Params
from api.transport.errors import Headers


class Security(Enum):
    """What a route asks of its caller."""

    NONE = "none"
    # The header of a key that may read, and no signature.
    USER_STREAM = "user_stream"
    # A signed request, by a key that may read.
    USER_DATA = "user_data"
    # A signed request, by a key that may trade.
    TRADE = "trade"


class CompatRequest:
    """One request, as handlers see it. ``headers`` are those of the answer, to be added to.

    ``caller``, ``account_pk``, ``account_id`` and ``api_key`` (the key's name) are set where the
    route's security asks for them. ``may_pack``: the answer is public and may be compressed.
    """

    __slots__ = (
        "account_id",
        "account_pk",
        "api_key",
        "caller",
        "headers",
        "ip",
        "is_private",
        "may_pack",
        "method",
        "params",
        "path",
        "request_id",
        "weight",
    )

    caller: Caller
    account_pk: int
    account_id: UUID
    api_key: str

    def __init__(self, *, method: str, path: str, ip: str, headers: Headers) -> None:
        self.method = method
        self.path = path
        self.ip = ip
        self.headers = headers
        self.params: Params
        self.request_id = ""
        # What it counted for.
        self.weight = 0
        # Set where the route asks for a caller.
        self.is_private = False
        self.may_pack = False


Handler = Callable[[CompatRequest], Awaitable[Any] | Any]
Weight = int | Callable[[Params], int]
# Either the names of parameters that must be there, or what raises -1102 for those that are not.
Required = tuple[str, ...] | Callable[[Params], None]


class Route:
    """What answers a method of a path.

    ``handler(request)``, plain or async, returns an object to encode, or ready bytes of JSON.
    ``weight`` is a number or computed from the parameters. ``required`` is checked before
    timestamp and signature; values are the handler's to check. ``needs_feed``: the feed is started
    before the handler runs.
    """

    __slots__ = ("handler", "is_async", "needs_feed", "required", "security", "weight")

    def __init__(
        self,
        handler: Handler,
        weight: Weight = 1,
        security: Security = Security.NONE,
        *,
        required: Required = (),
        needs_feed: bool = True,
    ) -> None:
        self.handler = handler
        self.weight = weight
        self.security = security
        self.required = required
        self.needs_feed = needs_feed
        self.is_async = iscoroutinefunction(handler)

    def check_required(self, params: Params) -> None:
        """Raise -1102 for a parameter that is not there."""
        required = self.required
        if isinstance(required, tuple):
            if required:
                params.require(*required)
        else:
            required(params)


Routes = dict[tuple[str, str], Route]

# What REST and the WebSocket API share: parameters, caller, account's primary key, request's id.
Call = Callable[[Params, Caller, int, str], Awaitable[Any]]


def rest(call: Call) -> Callable[[CompatRequest], Awaitable[Any]]:
    """Return the handler of a signed call."""

    async def handle(request: CompatRequest) -> Any:
        return await call(request.params, request.caller, request.account_pk, request.request_id)

    return handle
