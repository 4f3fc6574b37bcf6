"""`domain/pacing.py` in Redis' language: the same steps in the same order, so that the same bits come out.

Numbers cross as text with 17 digits: Lua's own way to write them drops the last three, which are microseconds today.
"""

from __future__ import annotations

import math

from orchestrator.domain import pacing

# The longest that anything here can matter: a closure to its end, and until its refusals are forgotten.
_KEPT_FOR = math.ceil(pacing.LONGEST_CLOSURE + pacing.FORGIVEN_AFTER + pacing.HORIZON)

CONSTANTS = [
    repr(value)
    for value in (
        pacing.HORIZON,
        pacing.LEAD,
        pacing.LONGEST_CLOSURE,
        pacing.LONGEST_GUESS,
        pacing.FORGIVEN_AFTER,
        pacing.SLACK,
        _KEPT_FOR,
    )
]

_PACE = """
local horizon, lead, longest_closure = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local longest_guess, forgiven_after, slack = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local kept_for = tonumber(ARGV[7])

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local function text(number) return string.format('%.17g', number) end

local kept = redis.call('HMGET', KEYS[1], 'last_departure', 'closed_until', 'refusals')
local last_departure, closed_until, refusals = tonumber(kept[1] or ''), tonumber(kept[2] or ''), tonumber(kept[3] or '')
if not (last_departure and closed_until and refusals) then
  last_departure, closed_until, refusals = now + horizon, 0, 0
end

local function keep()
  redis.call('HSET', KEYS[1],
    'last_departure', text(last_departure), 'closed_until', text(closed_until), 'refusals', text(refusals))
  redis.call('EXPIRE', KEYS[1], kept_for)
end
"""

TAKE = (
    _PACE
    + """
local gap, want = tonumber(ARGV[8]), tonumber(ARGV[9])

if closed_until > now + longest_closure then closed_until = now + longest_closure end
if last_departure > now + horizon + slack then last_departure = now + horizon end
if refusals ~= 0 and now > closed_until + forgiven_after then refusals = 0 end

local first, count, ask_again_at, closed = now, 0, now, 0
if closed_until > now then
  ask_again_at, closed = closed_until, closed_until
elseif gap == 0 then
  count = want
else
  first = math.max(last_departure + gap, closed_until, now + lead)
  if first <= now + horizon then
    count = math.min(want, math.floor((now + horizon - first) / gap) + 1)
  end
  ask_again_at = first - horizon / 2
  if count > 0 then
    last_departure = first + (count - 1) * gap
    ask_again_at = last_departure + gap - horizon / 2
  end
end
keep()
return {text(now), text(first), text(count), text(ask_again_at), text(closed)}
"""
)

CLOSE = (
    _PACE
    + """
local wait, jitter = tonumber(ARGV[8]), tonumber(ARGV[9])

if now >= closed_until then refusals = refusals + 1 end
if not wait then
  wait = math.min(longest_guess, 2 ^ math.min(refusals, 10)) * (1 + jitter / 4)
end
closed_until = math.max(closed_until, now + math.min(wait, longest_closure))
keep()
return {text(now)}
"""
)
