"""The clients: one that waits for answers, one that awaits them."""

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

import httpx

from zavora.core.calls import Call
from zavora.core.credentials import Credential, SigningKey, Token
from zavora.core.exchanges import (
    Answer,
    Came,
    Course,
    Exchanges,
    NoAnswer,
    Patience,
    Send,
    Wait,
)
from zavora.core.pace import RateLimit
from zavora.core.routes import Awaiting, Waiting
from zavora.routes.accounts import AccountRoutes
from zavora.routes.alerts import AlertRoutes
from zavora.routes.keys import KeyRoutes
from zavora.routes.markets import MarketRoutes
from zavora.routes.money import MoneyRoutes
from zavora.routes.orders import OrderRoutes
from zavora.routes.portfolio import PortfolioRoutes

if TYPE_CHECKING:
    from zavora.live.stream import AsyncStream
    from zavora.live.threaded import Stream

T = TypeVar("T")
Sending = Callable[[Send], Awaitable[Came]]
# Whose certificates are trusted: everybody's whom the system trusts, nobody is asked, or these.
Verify = bool | ssl.SSLContext

BASE_URL: Final = "http://127.0.0.1:8000"
try:
    __version__ = version("zavora")
except PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0"
# Before these nothing of a request had left.
NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Routes(
    MarketRoutes,
    OrderRoutes,
    AccountRoutes,
    MoneyRoutes,
    PortfolioRoutes,
    KeyRoutes,
    AlertRoutes,
):
    """Every route."""


class Settings:
    """What a client is made with; a stream makes its own client from it."""

    def __init__(
        self,
        base_url: str,
        credential: Credential | str | tuple[str, str] | None,
        account: str | None,
        patience: Patience | None,
        verify: Verify,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.credential = as_credential(credential)
        self.account = account
        self.patience = patience or Patience()
        self.verify = verify

    @property
    def tls(self) -> ssl.SSLContext | bool | None:
        """What a stream trusts; True: what the system does, None: there is no TLS."""
        if not self.base_url.startswith("https"):
            return None
        if self.verify is not False:
            return self.verify
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def exchanges(self) -> Exchanges:
        """Return what carries calls through."""
        return Exchanges(
            credential=self.credential,
            account=self.account,
            patience=self.patience,
            user_agent=f"zavora-python/{__version__}",
            source=random.Random(),  # noqa: S311 - jitter is no secret
        )


class Client(Routes, Waiting):
    """Zavora for programs that wait for each answer. One thread at a time uses it.

    `credential`: a token, a (key, secret) that signs, or nothing for what is public. `account`: the
    id of the account that is meant where a call names none; without it the only one there is.
    `verify`: False, or an `ssl.SSLContext`, for certificates that the system does not trust.
    """

    def __init__(
        self,
        base_url: str = BASE_URL,
        credential: Credential | str | tuple[str, str] | None = None,
        *,
        account: str | None = None,
        patience: Patience | None = None,
        verify: Verify = True,
    ) -> None:
        self.settings = Settings(base_url, credential, account, patience, verify)
        self._exchanges = self.settings.exchanges()
        self._http = httpx.Client(verify=verify)

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def rate_limit(self) -> RateLimit:
        """What is left of the limits, as the exchange last said."""
        return self._exchanges.rate_limit

    @property
    def account_id(self) -> str:
        """The id of the account that is meant where a call names none."""
        return self._carry(self._exchanges.own_account())

    def send(self, call: Call[T]) -> T:
        """Return what the exchange answers. Raises a ZavoraError."""
        return self._carry(self._exchanges.run(call))

    def send_page(self, call: Call[T]) -> tuple[T, str | None]:
        """Return what the exchange answers, and the cursor of the page after it."""
        return self._carry(self._exchanges.run_page(call))

    def stream(self) -> "Stream":
        """Return a live connection, to be used as a context manager."""
        from zavora.live.threaded import Stream  # noqa: PLC0415 - only for who listens

        return Stream(self.settings)

    def _carry(self, course: Course[T]) -> T:
        came: Came = None
        while True:
            try:
                step = course.send(came)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(step, Wait):
                time.sleep(step.seconds)
                came = None
            else:
                came = self._send(step)

    def _send(self, step: Send) -> Answer | NoAnswer:
        try:
            response = self._http.send(_request(self.settings, step))
        except httpx.TransportError as error:
            return _no_answer(error)
        return _answer(response)


class AsyncClient(Routes, Awaiting):
    """Zavora for programs on asyncio; see Client."""

    def __init__(
        self,
        base_url: str = BASE_URL,
        credential: Credential | str | tuple[str, str] | None = None,
        *,
        account: str | None = None,
        patience: Patience | None = None,
        verify: Verify = True,
    ) -> None:
        self.settings = Settings(base_url, credential, account, patience, verify)
        self._exchanges = self.settings.exchanges()
        self._http = httpx.AsyncClient(verify=verify)

    async def __aenter__(self) -> Self:
        """Use it."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    @property
    def rate_limit(self) -> RateLimit:
        """What is left of the limits, as the exchange last said."""
        return self._exchanges.rate_limit

    async def account_id(self) -> str:
        """Return the id of the account that is meant where a call names none."""
        return await self._carry(self._exchanges.own_account())

    async def send(self, call: Call[T]) -> T:
        """Return what the exchange answers. Raises a ZavoraError."""
        return await self._carry(self._exchanges.run(call))

    async def send_page(self, call: Call[T]) -> tuple[T, str | None]:
        """Return what the exchange answers, and the cursor of the page after it."""
        return await self._carry(self._exchanges.run_page(call))

    def stream(self) -> "AsyncStream":
        """Return a live connection, to be used as an asynchronous context manager."""
        from zavora.live.stream import AsyncStream  # noqa: PLC0415 - only for who listens

        return AsyncStream(self)

    async def _carry(self, course: Course[T]) -> T:
        return await carry(course, self.send_step)

    async def send_step(self, step: Send) -> Answer | NoAnswer:
        """Send one request, once."""
        try:
            response = await self._http.send(_request(self.settings, step))
        except httpx.TransportError as error:
            return _no_answer(error)
        return _answer(response)


async def carry(course: Course[T], send: Sending) -> T:
    """Do what a course asks for until it has its result."""
    came: Came = None
    while True:
        try:
            step = course.send(came)
        except StopIteration as end:
            result: T = end.value
            return result
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            came = None
        else:
            came = await send(step)


def as_credential(given: Credential | str | tuple[str, str] | None) -> Credential | None:
    """Return a credential from its short forms: a token, or a key with its secret."""
    if isinstance(given, str):
        return Token(given)
    if isinstance(given, tuple):
        return SigningKey(*given)
    return given


def _request(settings: Settings, step: Send) -> httpx.Request:
    return httpx.Request(
        step.method,
        # As it was signed: what httpx would spell otherwise is spelled already.
        httpx.URL(settings.base_url).copy_with(raw_path=step.target.encode()),
        headers=dict(step.headers),
        content=step.content,
        extensions={"timeout": httpx.Timeout(step.timeout_s).as_dict()},
    )


def _answer(response: httpx.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, response.content)


def _no_answer(error: httpx.TransportError) -> NoAnswer:
    return NoAnswer(not isinstance(error, NOT_SENT), str(error) or type(error).__name__)
