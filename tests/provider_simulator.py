"""A provider as a process of its own: takes requests on loopback and does all that goes wrong.

``python -m tests.provider_simulator`` prints its address and serves until it is ended. Beside what
the exchange asks (``POST /api/withdrawals``) it takes orders from a test: ``POST /control`` with
``{"plan": ..., "webhook": ...}``, ``POST /tell`` with an event to send, ``GET /state``.

Plans, each until the next one: ``answer``; ``pay`` at once; ``refuse``; ``late`` (answers when the
next order comes); ``error`` (500, and has it not); ``error after`` (500, and has it); ``drop`` and
``drop after`` (the connection); ``drip`` (byte by byte); ``twice`` (answers two times); ``foreign``
(answers about another payout); ``flood`` (an answer without an end);
``elsewhere`` (a redirect to what counts visits); ``forgetful`` (pays whatever comes, by any key).
"""

import http.client
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import PIPE, Popen
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from accounts.providers.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_signed
from tests.provider_words import OUR_SECRET, headers_of
from zavora.runner.home import PROJECT_DIR

WAIT_S: Final = 20.0
DRIP_S: Final = 0.1
DRIPS_MAX: Final = 100


class State:
    """What the provider has, by key, and what it was asked and told."""

    def __init__(self) -> None:
        self.plan = "answer"
        self.webhook = ""
        self.payouts: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.payments: list[str] = []
        self.visits = 0
        self.is_ordered = threading.Event()
        self.lock = threading.Lock()

    def take(
        self, key: str, body: dict[str, Any], *, is_signed: bool
    ) -> tuple[str, dict[str, Any]]:
        """Note a request; return the plan and how the payout stands now."""
        with self.lock:
            plan = self.plan
            self.requests.append({"key": key, "body": body, "is_signed": is_signed})
            if plan in ("error", "drop"):
                return plan, {}
            if plan == "refuse" and key not in self.payouts:
                return plan, {"reference": key, "status": "refused", "reason": "no such address"}
            is_new = key not in self.payouts
            payout = self.payouts.setdefault(
                key, {"reference": key, "status": "accepted", "provider_reference": f"p-{key[:8]}"}
            )
            if plan == "forgetful" or (is_new and plan == "pay"):
                payout["status"] = "paid"
                self.payments.append(key)
            return plan, dict(payout)


STATE: Final = State()


class Handler(BaseHTTPRequestHandler):
    """Answers the exchange, and the test."""

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path == "/state":
            names = ("payouts", "requests", "payments", "visits", "plan")
            self.answer(200, {name: getattr(STATE, name) for name in names})
        else:
            STATE.visits += 1
            self.answer(200, {"status": "paid"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/control":
            order = json.loads(body)
            STATE.plan, STATE.webhook = order["plan"], order.get("webhook", STATE.webhook)
            STATE.is_ordered.set()
            self.answer(200, {})
        elif self.path == "/tell":
            self.answer(200, tell(json.loads(body)))
        elif self.path == "/api/withdrawals":
            self.pay(body)
        else:
            STATE.visits += 1
            self.answer(200, {"status": "paid"})

    def pay(self, body: bytes) -> None:
        """Take a request of the exchange."""
        signed = is_signed(
            [OUR_SECRET.encode()],
            timestamp=self.headers.get(TIMESTAMP_HEADER, ""),
            signature=self.headers.get(SIGNATURE_HEADER, ""),
            body=body,
            now_s=int(self.headers.get(TIMESTAMP_HEADER, "0")),
        )
        key = self.headers.get("Idempotency-Key", "")
        STATE.is_ordered.clear()
        plan, payout = STATE.take(key, json.loads(body), is_signed=signed)
        if plan in ("drop", "drop after"):
            self.close_connection = True
        elif plan in ("error", "error after"):
            self.answer(500, {"status": "paid", "reference": key})
        elif plan == "drip":
            self.drip()
        elif plan == "flood":
            self.flood()
        elif plan == "elsewhere":
            self.send_response(307)
            self.send_header("Location", "/api/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif plan == "foreign":
            self.answer(200, {**payout, "reference": uuid4().hex, "status": "paid"})
        else:
            if plan == "late":
                STATE.is_ordered.wait(WAIT_S)
            self.answer(422 if plan == "refuse" else 200, payout)
            if plan == "twice":
                self.answer(200, {**payout, "status": "failed"})

    def answer(self, status: int, data: Any) -> None:
        """Answer in JSON."""
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        """Answer a byte at a time, each soon enough, until nobody listens, or for ten seconds."""
        try:
            for _ in range(DRIPS_MAX):
                if STATE.is_ordered.wait(DRIP_S):
                    return
                self.wfile.write(b"H")
        except OSError:
            self.close_connection = True

    def flood(self) -> None:
        """Answer without an end, until nobody listens."""
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * 65_536)
        except OSError:
            self.close_connection = True


def tell(order: dict[str, Any]) -> dict[str, Any]:
    """Send an event to the exchange, signed as the order has it; return what it answered."""
    body = json.dumps(order["event"]).encode()
    signed = {name: order[name] for name in ("secret", "age_s") if name in order}
    parts = urlsplit(STATE.webhook)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=WAIT_S)
    connection.request("POST", parts.path, body=body, headers=headers_of(body, **signed))
    answer = connection.getresponse()
    told = {"status": answer.status, "body": answer.read().decode()}
    connection.close()
    return told


# --- for tests ------------------------------------------------------------------------------------


class Simulator:
    """The process, as a test speaks with it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, data: Any = None) -> Any:
        """Ask the process itself."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=WAIT_S)
        connection.request(method, path, body=json.dumps(data) if data is not None else None)
        found = json.loads(connection.getresponse().read())
        connection.close()
        return found

    def plan(self, plan: str, **more: str) -> None:
        """Say what it does from now on."""
        self.ask("POST", "/control", {"plan": plan, **more})

    def tell(self, event: dict[str, Any], **signed: Any) -> dict[str, Any]:
        """Let it send a webhook; return status and body of the exchange's answer."""
        told: dict[str, Any] = self.ask("POST", "/tell", {"event": event, **signed})
        return told

    @property
    def state(self) -> dict[str, Any]:
        """Return all that it has and was asked."""
        found: dict[str, Any] = self.ask("GET", "/state")
        return found


@contextmanager
def running_simulator() -> Iterator[Simulator]:
    """Run a provider on a free port of this machine."""
    command = [sys.executable, "-m", "tests.provider_simulator"]
    with Popen(command, cwd=PROJECT_DIR, stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Simulator(process.stdout.readline().strip())
        finally:
            process.kill()


def main() -> None:
    """Serve."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
