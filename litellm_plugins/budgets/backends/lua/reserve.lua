#!lua
-- ARGV, after the first two: the call, its lease in ms, the amount (three); then of each line its account, start, end,
-- 1 where it is rolling, its limits (three, '' for none), when the amount counts; the account that counts it if there are
-- too many ('' for none), how many there may be, and its limits by the holder's metadata ('' for none).
-- Returns {'again'}; {'granted', lost accounts, balances}; or {'denied', lost accounts, line, metric, free at, balance}.
-- With no flag in the first line a server whose memory is full refuses the whole script.
local id, lease_ms, amount = ARGV[3], tonumber(ARGV[4]), triple(ARGV, 5)
local windows, limits, seen, lost, told, new, by_holder = {}, {}, {}, {}, {}, {}, {}

-- Whether an account may not be left, though nothing was reserved on it within its window: an admin limited it, or a call
-- that takes longer than the window is under way.
local function is_bound(account, rolling, start)
  local id = id_of({ account = account, rolling = rolling, start = start })
  local held = redis.call('HMGET', base .. 'at:' .. id, 'limits', 'reserved_usd', 'reserved_tokens', 'reserved_requests')
  local sums = triple(held, 2)
  return held[1] == '1' or sums[1] > 0 or sums[2] > 0 or sums[3] > 0
end

-- The account that counts a line: its own if that is in use or there is room for one more, else the shared one.
local function account_of(account, rolling, start, ends, shared, most)
  if shared == '' then return account end
  local group = (rolling == 1 and '0' or text(start)) .. ':' .. shared
  local many, ending = base .. 'many:' .. group, rolling == 1 and now + ends - start or ends
  local known = tonumber(redis.call('ZSCORE', many, account) or 0)
  if known <= now and not is_bound(account, rolling, start) then
    local taken = 0
    for _, each in ipairs(new) do
      if each.group == group and each.known <= now then taken = taken + 1 end
    end
    if redis.call('ZCOUNT', many, '(' .. text(now), '+inf') + taken >= most then return shared end
  end
  if known < ending then new[#new + 1] = { group = group, account = account, ending = ending, known = known } end
  return account
end

lapse()
commit()
for n = 8, #ARGV, 11 do
  local window = {
    start = tonumber(ARGV[n + 1]), ends = tonumber(ARGV[n + 2]), rolling = tonumber(ARGV[n + 3]),
    at = tonumber(ARGV[n + 7])
  }
  window.account = account_of(ARGV[n], window.rolling, window.start, window.ends, ARGV[n + 8], tonumber(ARGV[n + 9]))
  by_holder[#by_holder + 1] = ARGV[n + 10]
  windows[#windows + 1] = window
  limits[#limits + 1] = { tonumber(ARGV[n + 4]) or false, tonumber(ARGV[n + 5]) or false, tonumber(ARGV[n + 6]) or false }
end

for n, window in ipairs(windows) do
  local account = load(window, true)
  if account.by_holder ~= by_holder[n] then
    account.by_holder, account.told = by_holder[n], true
    account.changed = account.changed or account.exists
  end
  if not account.exists and redis.call('ZSCORE', base .. (window.rolling == 1 and 'rolling' or 'ends'), account.id) then
    lost[#lost + 1] = account.name
  end
end
commit()
if again then return { 'again' } end

local call = read_call(id)
local settled = call and call.state == 'settled'
local own = {} -- what the call itself has on each line: reserved, or charged for a lapsed lease
for n, window in ipairs(windows) do
  own[n] = { 0, 0, 0 }
  add(own[n], load(window).spent, 1)
  add(own[n], load(window).reserved, 1)
end
if call and not settled then take_back(call) end
for n, window in ipairs(windows) do
  add(own[n], load(window).spent, -1)
  add(own[n], load(window).reserved, -1)
end

-- When so much will have left a rolling account.
local function leaves_at(account, over)
  for first = 0, 20000, AT_ONCE do
    local members = redis.call('ZRANGE', account.entries, first, first + AT_ONCE - 1)
    for _, member in ipairs(members) do
      local entry = entry_of(member)
      add(over, (account.booked[entry.at] or entry).spent, -1)
      if over[1] <= 0 and over[2] <= 0 and over[3] <= 0 then return entry.at + account.length end
    end
    if #members < AT_ONCE then break end
  end
  return now + account.length
end

local function denied(n, account, limit, refused)
  local over, free_at = { 0, 0, 0 }, account.ends
  for _, metric in ipairs(refused) do
    over[metric] = account.spent[metric] + account.reserved[metric] + amount[metric] - limit[metric]
  end
  local future = account.rolling == 1 and limit or limits[n] -- an admin's end with a calendar window
  for metric = 1, 3 do
    if future[metric] and amount[metric] > math.max(own[n][metric], future[metric]) then free_at = -1 end
  end
  if account.rolling == 1 and free_at >= 0 then free_at = leaves_at(account, over) end
  return { 'denied', lost, n, refused[1], text(free_at), balance(account) }
end

for n, window in ipairs(windows) do
  local account, refused = load(window), {}
  local limit = account.limits or limits[n]
  for metric = 1, 3 do
    local held = account.spent[metric] + account.reserved[metric]
    if limit[metric] and amount[metric] > own[n][metric] and held + amount[metric] > limit[metric] then
      refused[#refused + 1] = metric
    end
  end
  if refused[1] and not settled then return denied(n, account, limit, refused) end
  told[n] = balance(account)
end

if not settled then
  local held = {}
  for _, window in ipairs(windows) do
    local name = id_of(window)
    if not seen[name] then held[#held + 1] = window end
    seen[name] = true
  end
  for _, each in ipairs(new) do
    later[#later + 1] = { 'ZADD', base .. 'many:' .. each.group, text(each.ending), each.account }
    later[#later + 1] = { 'ZADD', base .. 'groups', text(each.ending), each.group }
    later[#later + 1] = { 'ZREMRANGEBYSCORE', base .. 'many:' .. each.group, '-inf', text(now - KEPT) }
  end
  hold({ id = id, called = call and call.called or 0, lease_ends = now + lease_ms, amount = amount, windows = held })
  commit()
end
return { 'granted', lost, told }
