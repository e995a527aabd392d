"""A route is written once; what a client makes of it depends on how the client works.

``client.order(id)`` of a ``Client`` returns the order, of an ``AsyncClient`` it is awaited: the
same function says what is sent, and type checkers know both.
"""

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from zavora.core.calls import Call, Listing

P = ParamSpec("P")
T = TypeVar("T")


class Waiting:
    """What carries a call through while its caller waits."""

    def send(self, call: Call[T]) -> T:
        """Return what the exchange answers. Raises a ZavoraError."""
        raise NotImplementedError

    def send_page(self, call: Call[T]) -> tuple[T, str | None]:
        """Return what the exchange answers, and the cursor of the page after it."""
        raise NotImplementedError


class Awaiting:
    """What carries a call through while its caller awaits it."""

    async def send(self, call: Call[T]) -> T:
        """Return what the exchange answers. Raises a ZavoraError."""
        raise NotImplementedError

    async def send_page(self, call: Call[T]) -> tuple[T, str | None]:
        """Return what the exchange answers, and the cursor of the page after it."""
        raise NotImplementedError


class Pages(Generic[T]):
    """Rows that come in pages, which are read as they are needed: iterate, or take some."""

    def __init__(self, sender: Waiting, listing: Listing[T]) -> None:
        self._sender = sender
        self._listing = listing

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page

    def pages(self) -> Iterator[Sequence[T]]:
        """Yield the rows a page at a time."""
        call: Call[Any] | None = self._listing.first
        while call is not None:
            data, cursor = self._sender.send_page(call)
            if rows := self._listing.rows(data):
                yield rows
            call = self._listing.following(call, data, cursor)

    def take(self, count_max: int) -> list[T]:
        """Return the first rows, at most so many."""
        found: list[T] = []
        for page in self.pages():
            found += page[: count_max - len(found)]
            if len(found) >= count_max:
                break
        return found

    def all(self) -> list[T]:
        """Return every row there is."""
        return list(self)


class AsyncPages(Generic[T]):
    """Rows that come in pages, which are read as they are needed: `async for`, or take some."""

    def __init__(self, sender: Awaiting, listing: Listing[T]) -> None:
        self._sender = sender
        self._listing = listing

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for row in page:
                yield row

    async def pages(self) -> AsyncIterator[Sequence[T]]:
        """Yield the rows a page at a time."""
        call: Call[Any] | None = self._listing.first
        while call is not None:
            data, cursor = await self._sender.send_page(call)
            if rows := self._listing.rows(data):
                yield rows
            call = self._listing.following(call, data, cursor)

    async def take(self, count_max: int) -> list[T]:
        """Return the first rows, at most so many."""
        found: list[T] = []
        async for page in self.pages():
            found += page[: count_max - len(found)]
            if len(found) >= count_max:
                break
        return found

    async def all(self) -> list[T]:
        """Return every row there is."""
        return [row async for row in self]


class Route(Generic[P, T]):
    """A method of a client, from the function that makes its call."""

    def __init__(self, make: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self.make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: None, kind: type) -> Self: ...

    @overload
    def __get__(self, client: Waiting, kind: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, client: Awaiting, kind: type) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(self, client: Waiting | Awaiting | None, kind: type) -> Any:
        if client is None:
            return self

        @functools.wraps(self.make)
        def send(*arguments: P.args, **named: P.kwargs) -> Any:
            return client.send(self.make(client, *arguments, **named))

        return send


class PagedRoute(Generic[P, T]):
    """A method of a client whose answer comes in pages."""

    def __init__(self, make: Callable[Concatenate[Any, P], Listing[T]]) -> None:
        self.make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: None, kind: type) -> Self: ...

    @overload
    def __get__(self, client: Waiting, kind: type) -> Callable[P, Pages[T]]: ...

    @overload
    def __get__(self, client: Awaiting, kind: type) -> Callable[P, AsyncPages[T]]: ...

    def __get__(self, client: Waiting | Awaiting | None, kind: type) -> Any:
        if client is None:
            return self

        @functools.wraps(self.make)
        def list_rows(*arguments: P.args, **named: P.kwargs) -> Any:
            listing = self.make(client, *arguments, **named)
            return (
                Pages(client, listing)
                if isinstance(client, Waiting)
                else AsyncPages(client, listing)
            )

        return list_rows


def route(make: Callable[Concatenate[Any, P], Call[T]]) -> Route[P, T]:
    """Make a method of a client from what makes its call."""
    return Route(make)


def paged(make: Callable[Concatenate[Any, P], Listing[T]]) -> PagedRoute[P, T]:
    """Make a method of a client from what makes its first page's call."""
    return PagedRoute(make)
