"""What a connection has: its credential, its subscriptions, its switch for the end."""

from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.http.request import split_domain_port, validate_host

from accounts.access.callers import SCOPE_READ, Caller
from accounts.money import selectors
from api import limits
from api.access.auth import (
    bearer_token,
    check_local_origin,
    django_request,
    session_key,
)
from api.access.signatures import (
    SOCKET_METHOD,
    SOCKET_PATH,
    Signed,
    check_signed,
    signed_text,
)
from api.access.usable import check_usable
from api.access.watch import SESSION_LOOK_S, TOKEN_LOOK_S, CredentialWatch
from api.process import web_process
from api.transport.outbox import Outbox
from api.transport.threads import in_thread
from api.transport.websocket import address_of
from api.v1.socket.closing import CREDENTIAL_ENDED
from api.v1.socket.codec import V1, subscription_id
from api.v1.socket.private import PRIVATE_CHANNELS, V1_ACCOUNTS, PrivateStreams
from api.v1.socket.switches import DisconnectSwitch
from marketdata.feed.feed import Feed, Message, Topic
from zavora.foundation.errors import Forbidden, NotFound, RateLimited, Unauthorized, ZavoraError

SUBSCRIPTIONS_MAX: Final = 200

log = structlog.get_logger(__name__)


class Proof(NamedTuple):
    """What the client proved who it is by: a token, or a key that signed; neither: a session."""

    token: str | None = None
    key_name: str | None = None

    @property
    def is_key(self) -> bool:
        """Tell whether it is a key of any kind."""
        return self.token is not None or self.key_name is not None


BY_SESSION: Final = Proof()


class Subscription:
    """What the client follows, as it knows it: a topic of the feed, or a private channel."""

    __slots__ = ("channel", "count", "market_id", "topic")

    def __init__(self, channel: str, market_id: int | None, interval: str | None) -> None:
        self.channel = channel
        self.market_id = market_id
        # What everybody may follow; None: something of the caller's accounts.
        self.topic: Topic | None = None
        if channel not in PRIVATE_CHANNELS:
            self.topic = Topic(channel, market_id, V1, interval)  # type: ignore[arg-type]
        # How often it was asked for; it ends when it was given up as often.
        self.count = 0


class Session:
    """The state of one connection."""

    def __init__(self, scope: dict[str, Any], outbox: Outbox, feed: Feed) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        self.ip = address_of(scope)
        self.feed = feed
        # What cancels all orders when the connection ends; None: it was never asked for.
        self.switch: DisconnectSwitch | None = None
        self._scope = scope
        self._outbox = outbox
        self._authorization = _header(headers, b"authorization")
        self._session_key = (
            session_key(_header(headers, b"cookie")) if _is_own_page(headers) else None
        )
        self._proof = BY_SESSION
        # Set by ``authenticate``; whoever it was then.
        self._caller: Caller | None = None
        self._subscriptions: dict[str, Subscription] = {}
        self._private = PrivateStreams(feed, web_process().alerts, outbox)
        self._started: list[tuple[Topic, list[Message]]] = []
        self._watch = CredentialWatch(
            web_process().credentials,
            self._is_still_good,
            lambda: outbox.close(CREDENTIAL_ENDED),
        )

    @property
    def is_in_use(self) -> bool:
        """Tell whether the connection is somebody's or follows something."""
        return self._caller is not None or bool(self._subscriptions)

    @property
    def pushes(self) -> int:
        """Return how many pushes were queued before whatever is answered now."""
        return self._outbox.pushes

    # --- who is asking ---

    async def authenticate(self, token: str | None) -> Caller:
        """Take a token, the handshake's token or its browser session as the credential.

        Raises Unauthorized or Forbidden; an earlier credential then stays as it was.
        """
        proof = Proof(token=token or bearer_token(self._authorization))
        caller = await self._resolve(proof)
        await self._become(caller, proof)
        return caller

    async def authenticate_signed(self, signed: Signed) -> Caller:
        """Take a key that signed just now as the credential. Raises as ``authenticate``."""
        process = web_process()
        key, _ = await process.credentials.of_api_key(signed.key_name)
        text = signed_text(signed, SOCKET_METHOD, SOCKET_PATH, b"")
        caller, mark = check_signed(key, signed, text, ip=self.ip)
        await process.replays.require_new(mark, is_write=True)
        await self._become(caller, Proof(key_name=signed.key_name))
        return caller

    async def _become(self, caller: Caller, proof: Proof) -> None:
        web_process().key_uses.note(caller, self.ip)
        earlier, self._caller, self._proof = self._caller, caller, proof
        if earlier is not None and earlier.user_id != caller.user_id:
            self._end_private()
        self._watch.follow(caller.user_id, every_s=TOKEN_LOOK_S if proof.is_key else SESSION_LOOK_S)
        await self._renew_private(caller)

    async def caller(self) -> Caller:
        """Return who is asking, as of now, and count the request. Raises Unauthorized, ..."""
        if self._caller is None and not settings.ZAVORA_OPEN_API:
            raise Unauthorized("Authenticate first.")
        caller = await self._resolve(self._proof)
        await limits.take_for_caller(caller, self.ip)
        return caller

    async def reloaded(self, caller: Caller) -> Caller | None:
        """Return the caller as the tables know it, None where that says nothing new."""
        web_process().credentials.forget_user(caller.user_id)
        fresh = await self._resolve(self._proof)
        return fresh if fresh.accounts != caller.accounts else None

    async def _resolve(self, proof: Proof) -> Caller:
        credentials = web_process().credentials
        if proof.key_name is not None:
            key, _ = await credentials.of_api_key(proof.key_name)
            return check_usable(None if key is None else key.caller, ip=self.ip)
        if proof.token is not None:
            caller, _ = await credentials.of_token(proof.token)
            return check_usable(caller, ip=self.ip)
        if self._session_key is not None:
            caller, _ = await credentials.of_session(self._session_key)
            if caller is not None:
                return caller
        if settings.ZAVORA_OPEN_API:
            # The handshake is a GET over HTTP, whose checks apply.
            http = {**self._scope, "type": "http", "method": "GET"}
            http["scheme"] = "https" if self._scope.get("scheme") == "wss" else "http"
            check_local_origin(django_request(http))
            caller, _ = await credentials.of_open_api()
            return check_usable(caller, ip=self.ip)
        raise Unauthorized("Send a token, or connect from a page that is logged in.")

    # --- subscriptions ---

    async def subscribe(
        self, channel: str, market_id: int | None, symbol: str | None, interval: str | None
    ) -> str:
        """Begin, or ask once more for, a subscription; return its id.

        What it begins with is sent by ``begin_started``, after the reply.
        """
        wanted = Subscription(channel, market_id, interval)
        name = subscription_id(channel, symbol, interval)
        known = self._subscriptions.get(name, wanted)
        if known is wanted and len(self._subscriptions) >= SUBSCRIPTIONS_MAX:
            raise RateLimited(f"A connection has at most {SUBSCRIPTIONS_MAX} subscriptions.")
        if known.topic is None:
            await self._follow_private()
            self._private.want(known.channel, known.market_id)  # type: ignore[arg-type]
        else:
            self._started.append((known.topic, self.feed.subscribe(known.topic, self._outbox)))
        self._subscriptions[name] = known
        known.count += 1
        return name

    def begin_started(self) -> None:
        """Send what the subscriptions made since the last call begin with."""
        started, self._started = self._started, []
        for topic, messages in started:
            self._outbox.start(topic, messages)

    def unsubscribe(self, name: str) -> None:
        """Give up a subscription once. Raises NotFound for one that is not there."""
        known = self._subscriptions.get(name)
        if known is None:
            raise NotFound("There is no such subscription.")
        known.count -= 1
        if known.count == 0:
            del self._subscriptions[name]
            self._leave(known)

    def _leave(self, subscription: Subscription) -> None:
        if subscription.topic is None:
            self._private.unwant(subscription.channel, subscription.market_id)  # type: ignore[arg-type]
        else:
            self.feed.unsubscribe(subscription.topic, self._outbox)
            self._outbox.forget(subscription.topic)

    async def _follow_private(self) -> None:
        """Follow the caller's accounts. Raises Unauthorized, Forbidden, EngineUnavailable."""
        caller = await self.caller()
        caller.require(SCOPE_READ)
        if self._caller is None:
            # An open exchange's clients need not authenticate.
            await self.authenticate(None)
        for row in await in_thread(selectors.list_assets, active_only=False):
            V1_ACCOUNTS.assets[row.pk] = (row.code, row.scale)
        await self._private.follow(caller.accounts)
        self._private.follow_person(caller.user_id)

    async def _renew_private(self, caller: Caller) -> None:
        """Follow the accounts that the caller has by now, if any are followed."""
        if any(each.topic is None for each in self._subscriptions.values()):
            await self._private.follow(caller.accounts)

    def _end_private(self) -> None:
        private = [name for name, each in self._subscriptions.items() if each.topic is None]
        for name in private:
            self._leave(self._subscriptions.pop(name))

    # --- the credential's end, and the connection's ---

    async def _is_still_good(self) -> bool:
        """Tell whether the credential is still what it was; if so, follow its accounts."""
        known = self._caller
        if known is None or self._outbox.is_closing:
            return True
        try:
            caller = await self._resolve(self._proof)
        except (Unauthorized, Forbidden):
            return False
        if not known.scopes <= caller.scopes or caller.user_id != known.user_id:
            return False
        is_other = (caller.accounts, caller.roles) != (known.accounts, known.roles)
        if self._caller is known and is_other:
            await self._follow_others(caller)
        return True

    async def _follow_others(self, caller: Caller) -> None:
        """Follow the accounts that a caller has by now; what fails is tried at the next look."""
        try:
            await self._renew_private(caller)
        except ZavoraError as error:
            log.warning("accounts_not_followed", user_id=caller.user_id, error=str(error))
        else:
            self._caller = caller

    def end(self) -> None:
        """Leave everything; fire the switch for disconnects where it is on."""
        for subscription in self._subscriptions.values():
            self._leave(subscription)
        self._subscriptions.clear()
        self._private.end()
        self._watch.close()
        if self.switch is not None:
            self.switch.fire()

    def disconnect_switch(self, caller: Caller) -> DisconnectSwitch:
        """Return the connection's switch: of the accounts that ``caller`` will have by then."""
        if self.switch is None:
            self.switch = DisconnectSwitch(lambda: self._caller or caller)
        return self.switch


# --- the handshake --------------------------------------------------------------------------------


def _header(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _is_own_page(headers: dict[bytes, bytes]) -> bool:
    """Tell whether a session cookie may count.

    A browser names the page that connects, and it must be ours. Programs, which name none, carry
    a cookie only on purpose.
    """
    origin, host = _header(headers, b"origin"), _header(headers, b"host") or ""
    hosts = settings.ALLOWED_HOSTS
    if not validate_host(split_domain_port(host)[0], hosts):
        return False
    if origin is None or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
