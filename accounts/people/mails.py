"""Mail to people, sent beside the request that asks for it.

A request never waits for the mail server: it would hold a thread, and the time would tell who has
an account. What a process has not sent when it is killed is lost; whoever misses a link asks again.
"""

import atexit
import queue
import threading
import time
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction

from accounts.access.security_log import person_digest

WAITING_MAX: Final = 1_000
TRIES_MAX: Final = 3
# Before the second try; each next one waits twice as long.
PAUSE_S: Final = 2.0
# How long a process that ends waits for what it has still to send.
ENDING_WAIT_S: Final = 5.0

log = structlog.get_logger(__name__)


class Mailer:
    """Mails that wait, and the thread that sends them, which begins with the first."""

    def __init__(self, *, waiting_max: int = WAITING_MAX, pause_s: float = PAUSE_S) -> None:
        self._waiting: queue.Queue[EmailMessage] = queue.Queue(waiting_max)
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, mail: EmailMessage) -> None:
        """Take a mail; where too many wait it is lost, and the log says so."""
        try:
            self._waiting.put_nowait(mail)
        except queue.Full:
            _note_lost(mail, "too many wait")
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send_all, name="mail", daemon=True)
                self._thread.start()

    def wait_until_sent(self, timeout_s: float = ENDING_WAIT_S) -> bool:
        """Wait until nothing is left to send; return whether that is so."""
        with self._waiting.all_tasks_done:
            return self._waiting.all_tasks_done.wait_for(
                lambda: not self._waiting.unfinished_tasks, timeout=timeout_s
            )

    def _send_all(self) -> None:
        while True:
            mail = self._waiting.get()
            try:
                self._send(mail)
            except Exception as error:
                # The thread goes on whatever a mail server or a template may throw.
                _note_lost(mail, type(error).__name__)
            finally:
                self._waiting.task_done()

    def _send(self, mail: EmailMessage) -> None:
        for tried in range(1, TRIES_MAX + 1):
            try:
                mail.send()
            except OSError:  # no connection, and what the mail server refuses
                if tried == TRIES_MAX:
                    raise
                time.sleep(self._pause_s * 2 ** (tried - 1))
            else:
                return


def _note_lost(mail: EmailMessage, reason: str) -> None:
    log.error("mail_lost", person=person_digest("".join(mail.to)), reason=reason)


def mail_on_commit(email: str, subject: str, text: str) -> None:
    """Tell somebody by mail what was done, once the present transaction has committed."""
    mail = EmailMessage(subject, f"{text}\n", settings.DEFAULT_FROM_EMAIL, [email])
    transaction.on_commit(lambda: mailer.put(mail), robust=True)


mailer: Final = Mailer()
atexit.register(mailer.wait_until_sent)
