"""``python -m zavora.serving SERVER --host ... --port ...``: run one web process."""

import argparse
import os
import sys
from typing import Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zavora.settings")

from django.conf import settings

from zavora.runner.exchange import (
    PING_S,
    PONG_WAIT_S,
    WEB_SERVERS,
    WEB_STOP_GRACE_S,
    UnsafeBind,
    check_bind,
)
from zavora.runner.sharing import CannotShare, check_sharing
from zavora.serving.bounds import raise_file_limit
from zavora.serving.listener import Address

APPLICATION: Final = "zavora.asgi:application"


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m zavora.serving", description=__doc__)
    parser.add_argument("server", choices=WEB_SERVERS)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--shared-port", action="store_true", help="other web processes listen on it, too (Linux)"
    )
    parser.add_argument("--application", default=APPLICATION, help="module:name")
    arguments = parser.parse_args()
    try:
        check_bind(arguments.host, is_debug=settings.DEBUG)
        if arguments.shared_port:
            check_sharing()
    except (UnsafeBind, CannotShare) as error:
        sys.exit(f"Zavora cannot start: {error}")
    raise_file_limit()
    # Each server is imported only where it is wanted: that of Daphne takes Twisted along.
    if arguments.server == "uvicorn":
        from zavora.serving.uvicorn_server import serve  # noqa: PLC0415
    elif arguments.server == "granian":
        from zavora.serving.granian_server import serve  # noqa: PLC0415
    else:
        from zavora.serving.daphne_server import serve  # noqa: PLC0415
    serve(
        arguments.application,
        address=Address(arguments.host, arguments.port, is_shared=arguments.shared_port),
        stop_s=WEB_STOP_GRACE_S - 1,
        ping_s=PING_S,
        pong_wait_s=PONG_WAIT_S,
    )


if __name__ == "__main__":
    main()
