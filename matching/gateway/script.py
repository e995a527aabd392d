"""The one call by which commands are queued: it runs in the queue's server, alone."""

from typing import Final

# KEYS: stream, heartbeat. ARGV: backlog cap, cap for cancels, then for each command whether it is
# a cancel, body, request id, reply address, correlation. Answers -1 (no worker), 0 (backlog full)
# or 1 (queued) for each.
SUBMIT_LUA: Final = """
local results = {}
local alive = redis.call('EXISTS', KEYS[2]) == 1
local length = redis.call('XLEN', KEYS[1])
for i = 3, #ARGV, 5 do
    local cap = tonumber(ARGV[ARGV[i] == '1' and 2 or 1])
    if not alive then
        results[#results + 1] = -1
    elseif length >= cap then
        results[#results + 1] = 0
    else
        redis.call('XADD', KEYS[1], '*', 'b', ARGV[i + 1], 'r', ARGV[i + 2],
                   'a', ARGV[i + 3], 'c', ARGV[i + 4])
        length = length + 1
        results[#results + 1] = 1
    end
end
return results
"""
