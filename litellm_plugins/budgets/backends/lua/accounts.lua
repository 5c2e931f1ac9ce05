-- What every method begins with. KEYS[1]: the leases, by their end; every other key of the ledger has the same beginning,
-- and so the same slot of a cluster. ARGV: the time now (UNIX ms), and what becomes of a lapsed lease.
-- Nothing is written before `commit`. Numbers are doubles, exact below 2^53, and become text by `text` alone.
--   at:START:ACCOUNT  a hash: one account in one window; START is 0 where it is rolling
--   in:ACCOUNT        what was booked on a rolling account, by time: TIME, what was spent, what of it is unconfirmed
--   many:START:SHARED the accounts that are in use among those with this shared one, by their end; groups: by theirs
--   ends, rolling     which there are: by the window's end; by when to see whether it is still in use
--   call:ID           a reservation, or `settled`
--   leases, lapsed    by their end; by when they are forgotten
-- None of them but `settled` has a lifetime: a server that evicts would take those first. `sweep` removes them.
local base, now, charges = string.sub(KEYS[1], 1, -7), tonumber(ARGV[1]), ARGV[2] == 'charge'
local DAY, AT_ONCE = 86400000, 200
local KEPT = 3 * DAY -- after a window's end: longer than any call may still be settled in it
local again = false -- more is to be done first than one step should take

local function text(number) return string.format('%.0f', number) end

local function id_of(window)
  if window.rolling == 1 then return '0:' .. window.account end
  return text(window.start) .. ':' .. window.account
end

local function add(sum, amount, sign)
  for n = 1, 3 do sum[n] = sum[n] + sign * amount[n] end
end

local function triple(values, first)
  return { tonumber(values[first]) or 0, tonumber(values[first + 1]) or 0, tonumber(values[first + 2]) or 0 }
end

local accounts, later = {}, {}

-- An entry of a rolling account: its time, then six numbers.
local function entry_of(member)
  local numbers = {}
  for number in string.gmatch(member, '-?%d+') do numbers[#numbers + 1] = tonumber(number) end
  return { member = member, at = numbers[1], spent = triple(numbers, 2), unconfirmed = triple(numbers, 5) }
end

local function member_of(entry)
  local parts = { text(entry.at) }
  for n = 1, 3 do parts[n + 1], parts[n + 4] = text(entry.spent[n]), text(entry.unconfirmed[n]) end
  return table.concat(parts, ':')
end

local function free_what_left(account)
  local left = redis.call('ZRANGEBYSCORE', account.entries, '-inf', text(now - account.length), 'LIMIT', 0, AT_ONCE)
  for _, member in ipairs(left) do
    local entry = entry_of(member)
    add(account.spent, entry.spent, -1)
    add(account.unconfirmed, entry.unconfirmed, -1)
  end
  if #left > 0 then
    account.changed = true
    later[#later + 1] = { 'ZREMRANGEBYRANK', account.entries, 0, #left - 1 }
  end
  again = again or #left == AT_ONCE
end

local function read_account(window, id)
  local held = redis.call('HMGET', base .. 'at:' .. id, 'account', 'end', 'length', 'resets', 'spent_usd', 'spent_tokens',
    'spent_requests', 'reserved_usd', 'reserved_tokens', 'reserved_requests', 'unconfirmed_usd', 'unconfirmed_tokens',
    'unconfirmed_requests', 'limits', 'limit_usd', 'limit_tokens', 'limit_requests', 'by_holder')
  local account = {
    id = id, name = window.account, start = window.start, rolling = window.rolling, exists = held[1] and true,
    ends = window.ends or tonumber(held[2]) or 0, resets = tonumber(held[4]) or 0,
    spent = triple(held, 5), reserved = triple(held, 8), unconfirmed = triple(held, 11),
    limits = held[14] == '1' and { tonumber(held[15]) or false, tonumber(held[16]) or false, tonumber(held[17]) or false },
    by_holder = held[18] or ''
  }
  account.written = { spent = triple(held, 5), reserved = triple(held, 8), unconfirmed = triple(held, 11) }
  if window.rolling == 1 then
    account.entries, account.booked = base .. 'in:' .. window.account, {}
    account.length = tonumber(held[3]) or (window.ends and window.ends - window.start) or 0
  end
  return account
end

-- An account without what has left it. `asked`: the window is what the settings say now, so its length holds from now on.
local function load(window, asked)
  local id = id_of(window)
  local account, look = accounts[id], not accounts[id]
  if not account then
    account = read_account(window, id)
    accounts[id] = account
  end
  if account.rolling == 1 then
    local length = asked and window.ends - window.start or account.length
    if length ~= account.length then account.length, account.changed, look = length, account.exists, true end
    if look and account.exists then free_what_left(account) end
  end
  return account
end

-- Only what changed: making text of a number takes longer than most else.
local function save(account)
  local fields = {}
  local function set(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  for _, part in ipairs({ 'spent', 'reserved', 'unconfirmed' }) do
    local now_held, written = account[part], account.written[part]
    for n, metric in ipairs({ '_usd', '_tokens', '_requests' }) do
      if now_held[n] ~= written[n] then set(part .. metric, text(now_held[n])) end
      written[n] = now_held[n]
    end
  end
  if account.resets > 0 then set('resets', text(account.resets)) end
  if account.rolling == 1 then set('length', text(account.length)) end
  if account.limited then
    set('limits', account.limits and '1' or '0')
    for n, name in ipairs({ 'limit_usd', 'limit_tokens', 'limit_requests' }) do
      set(name, account.limits and account.limits[n] and text(account.limits[n]) or '')
    end
  end
  if account.told then set('by_holder', account.by_holder) end
  if not account.exists then
    set('account', account.name)
    set('end', text(account.ends))
    if account.rolling == 1 then
      redis.call('ZADD', base .. 'rolling', text(now + account.length), account.id)
    else
      redis.call('ZADD', base .. 'ends', text(account.ends), account.id)
    end
  end
  if #fields > 0 then redis.call('HSET', base .. 'at:' .. account.id, unpack(fields)) end
end

local function write_entries(account)
  if account.changed and not account.exists then redis.call('DEL', account.entries) end
  for _, entry in pairs(account.booked) do
    if entry.member then redis.call('ZREM', account.entries, entry.member) end
    if string.find(member_of(entry), ':[^0]') then
      redis.call('ZADD', account.entries, text(entry.at), member_of(entry))
    end
  end
  account.booked = {}
end

local function commit()
  for _, command in ipairs(later) do redis.call(unpack(command)) end
  for _, account in pairs(accounts) do
    if account.booked then write_entries(account) end
    if account.changed then
      save(account)
      account.changed, account.limited, account.told, account.exists = false, false, false, true
    end
  end
  later = {}
end

-- As the reply tells it. Its numbers are whole ones, which a reply keeps exactly.
local function balance(account)
  local limits, start, ends = account.limits or {}, account.start, account.ends
  if account.rolling == 1 then start, ends = now - account.length, now end
  local told = { account.name, start, ends, account.rolling }
  for _, each in ipairs({ account.spent, account.reserved, account.unconfirmed }) do
    for n = 1, 3 do told[#told + 1] = each[n] end
  end
  told[#told + 1] = account.limits and 1 or 0
  for n = 1, 3 do told[#told + 1] = limits[n] or '' end
  told[#told + 1] = account.by_holder
  return told
end

-- What is booked on a rolling account for a time; nil where that is none any more.
local function entry_at(account, at)
  if at <= now - account.length then return nil end
  local entry = account.booked[at]
  if not entry then
    local found = redis.call('ZRANGEBYSCORE', account.entries, text(at), text(at), 'LIMIT', 0, 1)
    entry = found[1] and entry_of(found[1]) or { at = at, spent = { 0, 0, 0 }, unconfirmed = { 0, 0, 0 } }
  end
  return entry
end

-- Adds to what was spent, and where it says so to what of it is unconfirmed.
local function book(account, at, amount, sign, unconfirmed)
  local places = { account }
  if account.rolling == 1 then
    local entry = entry_at(account, at)
    if not entry then return end
    account.booked[at] = entry
    places[2] = entry
  end
  for _, place in ipairs(places) do
    add(place.spent, amount, sign)
    if unconfirmed then add(place.unconfirmed, amount, sign) end
  end
  account.changed = true
end
