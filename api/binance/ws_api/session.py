"""What a connection of the WebSocket API has: who it logged on as, and the accounts it follows."""

from typing import Any, Final

from accounts.access.callers import KIND_ED25519
from api.binance.rest.params import Params
from api.binance.rest.routes import Security
from api.binance.rest.signing import Identity, authenticate
from api.binance.streams.closing import BEGIN_ANEW
from api.binance.streams.events import text_frame
from api.binance.user_data.user_events import stream_terminated
from api.binance.user_data.user_streams import AccountStream, End
from api.binance.words import errors
from api.binance.words.errors import CompatError
from api.process import web_process
from api.transport.outbox import Outbox
from zavora.foundation.times import now_ms

SUBSCRIPTIONS_MAX: Final = 100
API_KEY: Final = "apiKey"

Result = dict[str, Any]


def already_subscribed() -> CompatError:
    """The connection follows this account."""
    return CompatError(-2035, "User Data Stream subscription already active.")


def not_subscribed() -> CompatError:
    """The connection has no such subscription."""
    return CompatError(-2036, "User Data Stream subscription not active.")


def unsupported_key() -> CompatError:
    """Only keys that leave no secret with the exchange may log on."""
    return CompatError(-4056, "Only Ed25519 API keys are supported for this feature.")


class Subscription:
    """One stream of user data on the connection. ``is_of_session``: it ends with the log-on."""

    __slots__ = ("id", "is_of_session", "stream")

    def __init__(self, number: int, stream: AccountStream, *, is_of_session: bool) -> None:
        self.id = number
        self.stream = stream
        self.is_of_session = is_of_session


class Session:
    """The state of one connection."""

    def __init__(self, outbox: Outbox, ip: str, *, returns_rate_limits: bool) -> None:
        self.ip = ip
        self.returns_rate_limits = returns_rate_limits
        self._outbox = outbox
        self._connected_ms = now_ms()
        self._api_key: str | None = None
        self._logged_on_ms: int | None = None
        self._subscriptions: dict[int, Subscription] = {}
        self._next_subscription = 0
        # Subscriptions whose answer is still to be sent, and endings that come after the answer.
        self._begun: list[AccountStream] = []
        self._endings: list[str] = []

    @property
    def is_in_use(self) -> bool:
        """Tell whether somebody is logged on or something is followed."""
        return self._api_key is not None or bool(self._subscriptions)

    # --- who is asking ---

    def api_key_of(self, params: Params) -> str | None:
        """Return the name of the key that a request is for: its own, else the session's."""
        return params.get(API_KEY) or self._api_key

    async def identify(self, params: Params, security: Security, check_required: Any) -> Identity:
        """Return who asks: by the request's own key and signature, else by the session's key."""
        own = params.get(API_KEY)
        return await authenticate(
            params,
            own or self._api_key,
            self.ip,
            security=security,
            check_required=check_required,
            is_logged_on=own is None and self._api_key is not None,
            is_write=security is Security.TRADE,
        )

    async def log_on(self, params: Params) -> Result:
        """Let the key of a signed request speak for all that follow."""
        api_key = params.get(API_KEY)
        await authenticate(params, api_key, self.ip, security=Security.USER_DATA)
        key, _ = await web_process().credentials.of_api_key(api_key or "")
        if key is None or key.kind != KIND_ED25519:
            raise unsupported_key()
        self._api_key, self._logged_on_ms = api_key, now_ms()
        return self.status()

    def log_out(self) -> Result:
        """Forget the key; what the session followed ends."""
        self._api_key = self._logged_on_ms = None
        self._end([each for each in self._subscriptions.values() if each.is_of_session])
        return self.status()

    async def current_status(self) -> Result:
        """Return who is logged on; a key that is no longer good is logged out by asking."""
        if self._api_key is not None:
            try:
                params = Params.of_object({})
                await authenticate(params, self._api_key, self.ip, security=Security.USER_STREAM)
            except CompatError:
                return self.log_out()
        return self.status()

    def status(self) -> Result:
        """Return who is logged on, and since when."""
        return {
            "apiKey": self._api_key,
            "authorizedSince": self._logged_on_ms,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self.returns_rate_limits,
            "serverTime": now_ms(),
            "userDataStream": bool(self._subscriptions),
        }

    # --- user data ---

    async def subscribe(self, params: Params, *, is_of_session: bool) -> Result:
        """Follow an account; its events come after the answer."""
        if is_of_session:
            if self._api_key is None:
                raise errors.rejected_key()
            api_key, security = self._api_key, Security.USER_STREAM
        else:
            api_key, security = params.get(API_KEY) or "", Security.USER_DATA
        caller, account_pk, _ = await authenticate(params, api_key, self.ip, security=security)
        if any(each.stream.account_pk == account_pk for each in self._subscriptions.values()):
            raise already_subscribed()
        if len(self._subscriptions) >= SUBSCRIPTIONS_MAX:
            raise errors.too_many_parameters()
        number = self._next_subscription
        self._next_subscription += 1

        def push(text: str) -> None:
            self._outbox.deliver(_event(number, text))

        def ended(reason: End, last: str | None) -> None:
            self._subscriptions.pop(number, None)
            if last is None:
                # A hole cannot be closed: whoever connects anew looks at the account first.
                self._outbox.close(BEGIN_ANEW)
            else:
                push(last)

        stream = AccountStream(
            api_key=api_key,
            caller=caller,
            account_pk=account_pk,
            ip=self.ip,
            push=push,
            ended=ended,
        )
        await stream.follow()
        self._subscriptions[number] = Subscription(number, stream, is_of_session=is_of_session)
        self._begun.append(stream)
        return {"subscriptionId": number}

    def unsubscribe(self, number: int | None) -> Result:
        """End one subscription, or all. Raises -2036 where there is none such."""
        if number is None:
            self._end(list(self._subscriptions.values()))
        elif number in self._subscriptions:
            self._end([self._subscriptions[number]])
        else:
            raise not_subscribed()
        return {}

    def list_subscriptions(self) -> list[Result]:
        """Return the subscriptions, oldest first."""
        return [{"subscriptionId": number} for number in self._subscriptions]

    def after_answer(self) -> None:
        """Send what comes after the answer: last events of what ended, first ones of what began."""
        endings, self._endings = self._endings, []
        for text in endings:
            self._outbox.deliver(text_frame(text))
        begun, self._begun = self._begun, []
        for stream in begun:
            stream.begin()

    def close(self) -> None:
        """Leave everything: the connection has ended."""
        for each in self._subscriptions.values():
            each.stream.close()
        self._subscriptions.clear()

    def _end(self, subscriptions: list[Subscription]) -> None:
        for each in subscriptions:
            del self._subscriptions[each.id]
            each.stream.close()
            self._endings.append(_event_text(each.id, stream_terminated()))


def _event_text(number: int, text: str) -> str:
    return f'{{"subscriptionId":{number},"event":{text}}}'


def _event(number: int, text: str) -> Any:
    return text_frame(_event_text(number, text))
