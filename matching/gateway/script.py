"""The one call by which commands are queued: it runs in the queue's server, alone."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from zavora.foundation import metrics

# How a cancel weighs, which is queued where the backlog is full for everything else.
CANCELS: Final = b"0"
# KEYS: stream, heartbeat. ARGV: backlog cap, cap for cancels, then for each message how many
# commands it holds (a cancel: 0), body, request id, reply address, correlation, and the span that
# it belongs to (mostly none). A message of n is taken while no more than an n-th of the cap waits.
# Answers -1 (no worker), 0 (backlog full) or 1 (queued) for each.
SUBMIT_LUA: Final = """
local results = {}
local alive = redis.call('EXISTS', KEYS[2]) == 1
local length = redis.call('XLEN', KEYS[1])
for i = 3, #ARGV, 6 do
    local size = tonumber(ARGV[i])
    local cap = size == 0 and tonumber(ARGV[2]) or tonumber(ARGV[1]) / size
    if not alive then
        results[#results + 1] = -1
    elseif length >= cap then
        results[#results + 1] = 0
    else
        if ARGV[i + 5] == '' then
            redis.call('XADD', KEYS[1], '*', 'b', ARGV[i + 1], 'r', ARGV[i + 2],
                       'a', ARGV[i + 3], 'c', ARGV[i + 4])
        else
            redis.call('XADD', KEYS[1], '*', 'b', ARGV[i + 1], 'r', ARGV[i + 2],
                       'a', ARGV[i + 3], 'c', ARGV[i + 4], 't', ARGV[i + 5])
        end
        length = length + 1
        results[#results + 1] = 1
    end
end
return results
"""
# What the script says of a command, and what is known where it says nothing, as it is counted.
LOST: Final = -2
UNREACHABLE: Final = -3
RESULTS: Final = {
    1: "queued",
    0: "overloaded",
    -1: "no_worker",
    LOST: "lost",
    UNREACHABLE: "unreachable",
}


def count(shard_id: int, results: Sequence[int]) -> None:
    """Count what became of commands at the queue, by what the script says of each."""
    if metrics.is_on():
        _begin(shard_id)
        for result in set(results):
            named = metrics.series(metrics.COMMANDS_SUBMITTED, str(shard_id), RESULTS[result])
            named.inc(results.count(result))


@lru_cache(maxsize=metrics.SERIES_KEPT_MAX)
def _begin(shard_id: int) -> None:
    """Let a shard's counts begin at zero, whatever came first."""
    for result in RESULTS.values():
        metrics.series(metrics.COMMANDS_SUBMITTED, str(shard_id), result)
