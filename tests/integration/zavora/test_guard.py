"""The guard over Granian's sockets goes on after a scan that fails, and does not hurry."""

import importlib
import sys
from typing import Any

import pytest

from zavora.serving.bounds import get_bounds

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="it looks at Linux' files"),
    pytest.mark.django_db,  # its module serves, so it asks first whether it may
]


def test_a_scan_that_fails_is_not_tried_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZAVORA_SERVING_PORT", "1")
    module: Any = importlib.import_module("zavora.serving.granian_app")
    guard = module.Guard(get_bounds())
    tried = []

    class NoFiles:
        def iterdir(self) -> None:
            tried.append(guard._scanned_at)
            raise OSError(24, "Too many open files")

    monkeypatch.setattr(module, "FILES", NoFiles())
    with pytest.raises(OSError, match="Too many"):
        guard._look_at_all()
    assert guard._scanned_at > 0
    with pytest.raises(OSError, match="Too many"):
        guard._look_at_all()  # waits for its time
    assert tried[1] - tried[0] >= module.SCAN_S
