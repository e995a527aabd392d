"""User data on a connection of streams: a listen key is a stream's name like any other."""

from collections.abc import Callable, Iterable
from typing import Final

from api.binance.streams.closing import BEGIN_ANEW, CLOSE_GOING, CLOSE_LATER, CLOSE_REFUSED
from api.binance.streams.events import text_frame
from api.binance.user_data.user_streams import AccountStream, End, follow_listen_key
from api.binance.words.failures import known_compat_error
from api.transport.outbox import Closing, Outbox
from marketdata.feed.feed import Message

# A connection for more accounts than this is no bot's.
LISTEN_KEYS_MAX: Final = 10
TOO_MANY: Final = Closing(CLOSE_REFUSED, f"At most {LISTEN_KEYS_MAX} listen keys.")
ENDED: Final = Closing(CLOSE_GOING, "The user data stream has ended.")


class ListenKeyStreams:
    """The listen keys that one connection follows."""

    def __init__(self, outbox: Outbox, ip: str, is_combined: Callable[[], bool]) -> None:
        self._outbox = outbox
        self._ip = ip
        # Asked at each event: a client may change it.
        self._is_combined = is_combined
        self._streams: dict[str, AccountStream] = {}
        self._begun: list[AccountStream] = []

    @property
    def names(self) -> list[str]:
        """The listen keys, oldest first."""
        return list(self._streams)

    async def follow(self, listen_keys: Iterable[str]) -> None:
        """Follow listen keys from now on; what happens is kept until ``begin``.

        One that is not valid ends the connection: a stream that stays silent would be a trap.
        """
        for listen_key in listen_keys:
            if listen_key in self._streams:
                continue
            if len(self._streams) >= LISTEN_KEYS_MAX:
                self._outbox.close(TOO_MANY)
                return
            try:
                stream = await self._follow(listen_key)
            except Exception as error:  # the outermost edge: a client hears of every failure
                known = known_compat_error(error)
                code = CLOSE_REFUSED if known.status < 500 else CLOSE_LATER
                self._outbox.close(Closing(code, known.msg))
                return
            self._streams[listen_key] = stream
            self._begun.append(stream)

    def begin(self) -> None:
        """Send what happened meanwhile, and from now on everything at once."""
        begun, self._begun = self._begun, []
        for stream in begun:
            stream.begin()

    def unfollow(self, listen_key: str) -> None:
        """End one; what is not followed is left alone."""
        stream = self._streams.pop(listen_key, None)
        if stream is not None:
            stream.close()

    def close(self) -> None:
        """End all."""
        for listen_key in self.names:
            self.unfollow(listen_key)

    async def _follow(self, listen_key: str) -> AccountStream:
        def push(text: str) -> None:
            self._outbox.deliver(self._frame(listen_key, text))

        def ended(_reason: End, last: str | None) -> None:
            if last is None:
                self._outbox.close(BEGIN_ANEW)
                return
            push(last)
            self._outbox.finish(ENDED)

        return await follow_listen_key(listen_key, self._ip, push=push, ended=ended)

    def _frame(self, listen_key: str, text: str) -> Message:
        if self._is_combined():
            return text_frame(f'{{"stream":"{listen_key}","data":{text}}}')
        return text_frame(text)
