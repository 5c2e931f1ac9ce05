#!lua
-- ARGV, after the first two: the call, its lease in ms, the amount (three); then of each line its account, start, end,
-- 1 where it is rolling, and its limits (three, '' for none).
-- Returns {'again'}; {'granted', lost accounts, balances}; or {'denied', lost accounts, line, metric, free at, balance}.
-- With no flag in the first line a server whose memory is full refuses the whole script.
local id, lease_ms, amount = ARGV[3], tonumber(ARGV[4]), triple(ARGV, 5)
local windows, limits, seen, lost, told = {}, {}, {}, {}, {}
for n = 8, #ARGV, 7 do
  local window = {
    account = ARGV[n], start = tonumber(ARGV[n + 1]), ends = tonumber(ARGV[n + 2]), rolling = tonumber(ARGV[n + 3])
  }
  windows[#windows + 1] = window
  limits[#limits + 1] = { tonumber(ARGV[n + 4]) or false, tonumber(ARGV[n + 5]) or false, tonumber(ARGV[n + 6]) or false }
end

lapse()
for _, window in ipairs(windows) do
  local account = load(window)
  if not account.exists and redis.call('ZSCORE', base .. (window.rolling == 1 and 'rolling' or 'ends'), account.id) then
    lost[#lost + 1] = account.name
  end
end
commit()
if again then return { 'again' } end

local call = read_call(id)
local settled = call and call.state == 'settled'
if call and not settled then take_back(call) end

-- When there is room on a line, or -1 for never.
local function free_at(account, limit)
  local over = {}
  for n = 1, 3 do
    if limit[n] and amount[n] > limit[n] then return -1 end
    over[n] = limit[n] and account.spent[n] + account.reserved[n] + amount[n] - limit[n] or 0
  end
  if account.rolling == 0 then return account.ends end
  for first = 0, 10000, AT_ONCE do
    local entries = redis.call('ZRANGE', account.entries, first, first + AT_ONCE - 1, 'WITHSCORES')
    for n = 1, #entries, 2 do
      local usd, tokens, requests = string.match(entries[n], '^(%d+):(%d+):(%d+):')
      add(over, triple({ usd, tokens, requests }, 1), -1)
      if over[1] <= 0 and over[2] <= 0 and over[3] <= 0 then return tonumber(entries[n + 1]) + account.length end
    end
    if #entries < 2 * AT_ONCE then break end
  end
  return now + account.length
end

for n, window in ipairs(windows) do
  local account = load(window)
  local limit = account.limits or limits[n]
  for metric = 1, 3 do
    local held = account.spent[metric] + account.reserved[metric]
    if not settled and limit[metric] and held + amount[metric] > limit[metric] then
      return { 'denied', lost, n, metric, text(free_at(account, limit)), balance(account) }
    end
  end
  told[n] = balance(account)
end

if not settled then
  local held = {}
  for _, window in ipairs(windows) do
    local name = id_of(window)
    if not seen[name] then held[#held + 1] = window end
    seen[name] = true
  end
  hold({ id = id, called = call and call.called or 0, lease_ends = now + lease_ms, amount = amount, windows = held })
  commit()
end
return { 'granted', lost, told }
