"""The receiver keeps each alert, refuses what is none, and does not grow for ever."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.receiver import FILE_BYTES_MAX, Receiver


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(("127.0.0.1", 0), tmp_path / "alerts.jsonl") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def send(receiver: Receiver, body: bytes) -> int:
    url = f"http://127.0.0.1:{receiver.server_address[1]}/"
    return httpx.post(url, content=body).status_code


def alert(name: str) -> dict:
    return {"status": "firing", "labels": {"alertname": name}, "annotations": {"summary": "x"}}


def test_each_alert_is_a_line(receiver: Receiver) -> None:
    body = json.dumps({"alerts": [alert("one"), alert("two")]}).encode()

    assert send(receiver, body) == 200
    kept = [json.loads(line) for line in receiver.file.read_text().splitlines()]
    assert [line["labels"]["alertname"] for line in kept] == ["one", "two"]
    assert kept[0]["status"] == "firing"


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"{}", b'{"alerts": [1]}', b'{"alerts": [{}]}'])
def test_what_is_no_alert_is_refused_and_not_kept(receiver: Receiver, body: bytes) -> None:
    assert send(receiver, body) == 400
    assert not receiver.file.exists()


def test_the_older_half_goes(receiver: Receiver) -> None:
    line = json.dumps(alert("old" * 100)) + "\n"
    receiver.file.write_text(line * (FILE_BYTES_MAX // len(line) + 1))

    assert send(receiver, json.dumps({"alerts": [alert("new")]}).encode()) == 200
    kept = receiver.file.read_text()
    assert len(kept) < FILE_BYTES_MAX * 0.6
    assert json.loads(kept.splitlines()[-1])["labels"]["alertname"] == "new"
