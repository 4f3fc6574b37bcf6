"""`throttle/gcra.py` and `throttle/adaptation.py` in Redis' language.

The same steps in the same order, so that the same bits come out. Numbers cross as text with 17 digits: Lua's own way to
write them drops the last three, which are microseconds today.
"""

from __future__ import annotations

import math

from orchestrator.throttle import adaptation as learning
from orchestrator.throttle import gcra as pacing
from orchestrator.throttle import pace_bounds

# The longest that anything here can matter: a closure to its end, and what was learned until it is forgotten.
_KEPT_FOR = math.ceil(pacing.LONGEST_COOLDOWN + pacing.HORIZON)

_BOUNDS = tuple(pace_bounds.LEAST_AND_MOST.items())

_NAMED = {
    "horizon": pacing.HORIZON,
    "careful_horizon": pacing.CAREFUL_HORIZON,
    "lead": pacing.LEAD,
    "longest_reach": pacing.LONGEST_REACH,
    "probe": pacing.PROBE,
    "settled": pacing.SETTLED,
    "longest_closure": pacing.LONGEST_COOLDOWN,
    "longest_guess": pacing.LONGEST_GUESS,
    "no_accident": pacing.NO_ACCIDENT,
    "hold": learning.HOLD,
    "brief": learning.BRIEF,
    "trial": learning.TRIAL,
    "more": learning.MORE,
    "doubling": learning.DOUBLING,
    "forget": learning.FORGET,
    "kept": learning.KEPT,
    "cut": learning.CUT,
    "first_cut": learning.FIRST_CUT,
    "nearly": learning.NEARLY,
    "full": learning.FULL,
    "quiet": learning.QUIET,
    "deepest_cut": learning.DEEPEST_CUT,
    "least": learning.LEAST,
    "kept_for": _KEPT_FOR,
    "far": pace_bounds.FAR,
    "permit_life": pacing.PERMIT_LIFE,
    "travel_spread": pacing.TRAVEL_SPREAD,
}

FIELDS = pacing.OWN_FIELDS + pacing.LEARNED_FIELDS
"""What is kept of a lane, each under the name that it has in `domain/`."""

_PACE = "\n".join(
    [
        *(f"local {name} = {value!r}" for name, value in _NAMED.items()),
        "local time = redis.call('TIME')",
        "local now = tonumber(time[1]) + tonumber(time[2]) / 1000000",
        "local fields = {" + ", ".join(f"'{name}'" for name in FIELDS) + "}",
        "local lowest, highest = {}, {}",
        *(f"lowest.{name}, highest.{name} = 0, now + far" for name in pace_bounds.TIMES),
        *(f"lowest.{name}, highest.{name} = {low!r}, {high!r}" for name, (low, high) in _BOUNDS),
        # A hash is forgotten an hour after it was last written, with every grant: no departure in it is a day old.
        "lowest.last_departure = now - far",
        """
local function text(number) return string.format('%.17g', number) end

local kind, is_lost, pace = redis.call('TYPE', KEYS[1]).ok, false, {}
if kind == 'hash' then
  local found = redis.call('HMGET', KEYS[1], unpack(fields))
  for each, name in ipairs(fields) do
    local value = tonumber(found[each] or '')
    -- Not a number compares false with everything.
    if not (value and value >= lowest[name] and value <= highest[name]) then is_lost = true end
    pace[name] = value
  end
else
  is_lost = kind ~= 'none'
end
local function unknown_past()
  return {
    last_departure = now + horizon, reach = horizon, closed_until = 0, closed_for = 0, refusals = 0, together = 1,
    share = 1, held_since = 0, counted_from = 0, counted = 0, counted_before = 0,
  }
end
local is_known = kind == 'hash' and not is_lost
if not is_known then pace = unknown_past() end

local function close_if_lost(window)
  if is_lost and window > 0 then
    pace.closed_for = window + permit_life + travel_spread
    pace.closed_until = now + pace.closed_for
    pace.last_departure, pace.reach = pace.closed_until, pace.closed_for
  end
end

local function keep()
  if is_lost then redis.call('DEL', KEYS[1]) end
  local kept = {}
  for _, name in ipairs(fields) do kept[#kept + 1] = name; kept[#kept + 1] = text(pace[name]) end
  redis.call('HSET', KEYS[1], unpack(kept))
  redis.call('EXPIRE', KEYS[1], kept_for)
end

local function within_bounds()
  if pace.closed_until > now + pace.closed_for then pace.closed_until = now + pace.closed_for end
  local ahead = now + math.max(pace.reach, longest_reach)
  if pace.last_departure > ahead then pace.last_departure = ahead end
  local latest = math.max(now, pace.closed_until)
  if pace.held_since > latest then pace.held_since = latest end
  if pace.counted_from > latest then pace.counted_from = latest end
end

local function share_now(window)
  if pace.share >= 1 then return 1 end
  local beyond = (now - pace.held_since) / window - hold
  if beyond < 0 then return pace.share end
  if beyond < trial then return math.min(1, pace.share * more) end
  return math.min(1, pace.share * more * 2 ^ math.min((beyond - trial) / doubling, 10))
end
""",
    ]
)

TAKE = (
    _PACE
    + """
local base_gap, want = tonumber(ARGV[1]), tonumber(ARGV[2])
local window, together, leading = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local granted_until = tonumber(ARGV[7])
if is_known and pace.last_departure < granted_until and granted_until <= now + longest_reach then
  is_known, is_lost, pace = false, true, unknown_past()
end
if not is_known and not is_lost and ARGV[6] == 'known' then return {} end

local function note_departures(count)
  if pace.share < 1 and now - pace.held_since >= forget * window then pace.share = 1 end
  local elapsed = now - pace.counted_from
  if elapsed < window then
    pace.counted = pace.counted + count
  elseif elapsed < 2 * window then
    pace.counted_from, pace.counted_before, pace.counted = pace.counted_from + window, pace.counted, count
  else
    pace.counted_from, pace.counted_before, pace.counted = now, 0, count
  end
end

close_if_lost(window)
within_bounds()
local first, count, gap, ask_again_at, closed = now, 0, 0, now, 0
local is_probing = pace.refusals ~= 0 and now < pace.closed_until + probe
if pace.closed_until > now then
  ask_again_at, closed = pace.closed_until, pace.closed_until
elseif is_probing and pace.last_departure >= pace.closed_until then
  ask_again_at = pace.closed_until + probe
else
  if is_probing then want = math.min(want, 1) end
  if base_gap == 0 then
    count = want
    if pace.refusals ~= 0 and want > 0 then pace.last_departure = math.max(pace.last_departure, now) end
  else
    gap = base_gap / share_now(window)
    local shortest = pace.share < 1 and careful_horizon or horizon
    local ahead, early = shortest + (leading - lead), shortest / 2 + (leading - lead)
    local further = math.max(together - pace.together, 0)
    first = math.max(pace.last_departure + gap + further * gap, pace.closed_until, now + leading)
    if first <= now + ahead then
      count = math.min(want, (math.floor((now + ahead - first) / (together * gap)) + 1) * together)
    elseif first <= now + math.min(pace.reach, longest_reach) then
      count = math.min(want, together)
    end
    ask_again_at = first - early
    if count > 0 then
      pace.last_departure = first + (count - 1) * gap
      pace.reach, pace.together = pace.last_departure - now, together
      note_departures(count)
      ask_again_at = pace.last_departure + gap - early
    end
  end
end
keep()
return {text(now), text(first), text(count), text(gap), text(ask_again_at), text(closed)}
"""
)

CLOSE = (
    _PACE
    + """
local wait, ago, jitter = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local calls, window = tonumber(ARGV[4]), tonumber(ARGV[5])

local function counted_now()
  local elapsed = now - pace.counted_from
  if elapsed < window then return pace.counted_before * (1 - elapsed / window) + pace.counted end
  if elapsed < 2 * window then return pace.counted * (2 - elapsed / window) end
  return 0
end

local function went_through()
  if now - pace.counted_from >= 2 * window then
    if pace.share >= 1 then return 0 end
    return share_now(window)
  end
  return counted_now() / calls * kept
end

local function learn(closed)
  local used, went = share_now(window), went_through()
  if used >= 1 and (pace.share >= 1 or went < quiet or went >= full) then
    pace.share = went >= full and nearly or math.max(went, first_cut)
    pace.held_since = now + closed - (hold - brief) * window
    return
  end
  local most = used
  if now - pace.held_since < hold * window then most = used * cut end
  pace.share = math.max(math.min(went, most), used * deepest_cut, least)
  pace.held_since = now + closed
end

local function confirm(closed)
  pace.share = math.min(pace.share, math.max(went_through(), first_cut))
  pace.held_since = now + closed
end

close_if_lost(window)
within_bounds()
if now - ago < pace.closed_until then
  local latest = wait and now + math.min(wait, longest_closure) or 0
  if latest > pace.closed_until then pace.closed_until, pace.closed_for = latest, latest - now end
else
  local is_fresh = pace.refusals == 0 or now >= pace.closed_until + probe + settled
  pace.refusals = is_fresh and 1 or pace.refusals + 1
  local guess = math.min(longest_guess, 2 ^ math.min(pace.refusals, 10)) * (1 + jitter / 4)
  local closed = guess
  local is_of_probe = not is_fresh and now - ago < pace.closed_until + probe
  if wait then closed = math.min(is_of_probe and math.max(wait, guess / 2) or wait, longest_closure) end
  if calls > 0 and is_fresh then
    learn(closed)
  elseif calls > 0 and is_of_probe and pace.refusals == no_accident then
    confirm(closed)
  end
  pace.closed_until, pace.closed_for = now + closed, closed
end
keep()
return {text(now)}
"""
)

BEGIN = (
    _PACE
    + """
if not is_known and not is_lost then
  pace.closed_until, pace.closed_for, pace.refusals = now + tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
  pace.share, pace.held_since, pace.counted_from = tonumber(ARGV[4]), now + tonumber(ARGV[5]), now
  pace.last_departure, pace.reach = now + tonumber(ARGV[6]), tonumber(ARGV[6])
  keep()
end
return {text(now)}
"""
)

LOOK = (
    _PACE
    + """
local answer = {text(now)}
for _, name in ipairs(fields) do answer[#answer + 1] = text(pace[name]) end
return answer
"""
)
