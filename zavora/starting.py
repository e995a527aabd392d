"""A demo whose log-ins everybody knows is refused as a production exchange.

``manage.py prepare``, which ``make run`` begins with, asks, and so does each web process before it
serves: an exchange that other means start is guarded, too.
"""

from concurrent.futures import ThreadPoolExecutor

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from accounts.people.selectors import find_user, has_demo_accounts
from zavora.demo.catalogue import DEMO_PASSWORD, OPERATOR, VISITOR

log = structlog.get_logger(__name__)


class UnsafeStart(Exception):
    """Serving like this would let strangers in; the message says why and what to do."""


def check_demo() -> None:
    """Raise UnsafeStart where DEBUG is off and the tables hold what only a demo may have.

    That is a log-in whose password everybody knows, or, unless ZAVORA_DEMO asks for it, the demo's
    made-up money. Raises DatabaseError where the tables cannot be asked.
    """
    if settings.DEBUG:
        return
    people = [find_user(person.email) for person in (OPERATOR, VISITOR)]
    known = [p.email for p in people if p and p.is_active and p.check_password(DEMO_PASSWORD)]
    if known:
        raise UnsafeStart(
            f"DEBUG is off, and everybody knows the password of {' and '.join(known)}, as this"
            " exchange was started as a demo. Begin with an empty ZAVORA_HOME (or database), or"
            " give them other passwords: DEBUG=1 manage.py changepassword EMAIL"
        )
    if has_demo_accounts() and not settings.ZAVORA_DEMO:
        raise UnsafeStart(
            "DEBUG is off, and the accounts of the demo hold money that nobody paid in. Begin with"
            " an empty ZAVORA_HOME (or database); to keep the demo on purpose, set ZAVORA_DEMO=1"
        )


def check_demo_before_serving() -> None:
    """Do as ``check_demo``, where an event loop may run; say so where the tables are away.

    A web process also starts without its database, and answers 503 until it is back.
    """
    if settings.DEBUG:
        return
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_ask_once).result()


def _ask_once() -> None:
    try:
        check_demo()
    except DatabaseError as error:
        log.warning("start_not_checked", why=str(error).strip())
    finally:
        connection.close()
