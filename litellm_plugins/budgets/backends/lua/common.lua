-- What every method begins with. KEYS[1]: the leases, by their end; every other key of the ledger has the same beginning,
-- and so the same slot of a cluster. ARGV: the time now (UNIX ms), and what becomes of a lapsed lease.
-- Nothing is written before `commit`. Numbers are doubles, exact below 2^53, and become text by `text` alone.
--   at:START:ACCOUNT  a hash: one account in one window; START is 0 where it is rolling
--   in:ACCOUNT        what was booked on a rolling account, by time: USD:TOKENS:REQUESTS:(c|u):CALL
--   ends, rolling     which there are: by the window's end; by when to see whether it is still in use
--   call:ID           a reservation, or `settled`
--   leases, lapsed    by their end; by when they are forgotten
-- None of them but `settled` has a lifetime: a server that evicts would take those first. `sweep` removes them.
local base, now, charges = string.sub(KEYS[1], 1, -7), tonumber(ARGV[1]), ARGV[2] == 'charge'
local DAY, AT_ONCE = 86400000, 200
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

local function free_what_left(account)
  local left = redis.call('ZRANGEBYSCORE', account.entries, '-inf', text(now - account.length), 'LIMIT', 0, AT_ONCE)
  for _, entry in ipairs(left) do
    local usd, tokens, requests, kind = string.match(entry, '^(%d+):(%d+):(%d+):(%a)')
    local amount = triple({ usd, tokens, requests }, 1)
    add(account.spent, amount, -1)
    if kind == 'u' then add(account.unconfirmed, amount, -1) end
  end
  if #left > 0 then
    account.changed = true
    later[#later + 1] = { 'ZREMRANGEBYRANK', account.entries, 0, #left - 1 }
  end
  again = again or #left == AT_ONCE
end

local function load(window)
  local id = id_of(window)
  if accounts[id] then return accounts[id] end
  local held = redis.call('HMGET', base .. 'at:' .. id, 'account', 'end', 'length', 'resets', 'spent_usd', 'spent_tokens',
    'spent_requests', 'reserved_usd', 'reserved_tokens', 'reserved_requests', 'unconfirmed_usd', 'unconfirmed_tokens',
    'unconfirmed_requests', 'limits', 'limit_usd', 'limit_tokens', 'limit_requests')
  local account = {
    id = id, name = window.account, start = window.start, rolling = window.rolling, exists = held[1] and true,
    ends = window.ends or tonumber(held[2]) or 0, resets = tonumber(held[4]) or 0,
    spent = triple(held, 5), reserved = triple(held, 8), unconfirmed = triple(held, 11),
    limits = held[14] == '1' and { tonumber(held[15]) or false, tonumber(held[16]) or false, tonumber(held[17]) or false }
  }
  if window.rolling == 1 then
    account.entries = base .. 'in:' .. window.account
    account.length = window.ends and window.ends - window.start or tonumber(held[3]) or 0
    account.changed = account.exists and account.length ~= tonumber(held[3])
    if account.exists then free_what_left(account) end
  end
  accounts[id] = account
  return account
end

local function save(account)
  local fields = { 'spent_usd', text(account.spent[1]), 'spent_tokens', text(account.spent[2]),
    'spent_requests', text(account.spent[3]), 'reserved_usd', text(account.reserved[1]),
    'reserved_tokens', text(account.reserved[2]), 'reserved_requests', text(account.reserved[3]),
    'unconfirmed_usd', text(account.unconfirmed[1]), 'unconfirmed_tokens', text(account.unconfirmed[2]),
    'unconfirmed_requests', text(account.unconfirmed[3]), 'resets', text(account.resets) }
  local function set(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  if account.rolling == 1 then set('length', text(account.length)) end
  if account.limited then
    set('limits', account.limits and '1' or '0')
    for n, name in ipairs({ 'limit_usd', 'limit_tokens', 'limit_requests' }) do
      set(name, account.limits and account.limits[n] and text(account.limits[n]) or '')
    end
  end
  if not account.exists then
    set('account', account.name)
    set('end', text(account.ends))
    if account.rolling == 1 then
      redis.call('ZADD', base .. 'rolling', text(now + account.length), account.id)
    else
      redis.call('ZADD', base .. 'ends', text(account.ends), account.id)
    end
  end
  redis.call('HSET', base .. 'at:' .. account.id, unpack(fields))
end

local function commit()
  for _, command in ipairs(later) do redis.call(unpack(command)) end
  for _, account in pairs(accounts) do
    if account.changed then
      save(account)
      account.changed, account.limited, account.exists = false, false, true
    end
  end
  later = {}
end

local function balance(account)
  local limits, start, ends = account.limits or {}, account.start, account.ends
  if account.rolling == 1 then start, ends = now + 1 - account.length, now + 1 end
  local told = { account.name, text(start), text(ends), account.rolling }
  for _, each in ipairs({ account.spent, account.reserved, account.unconfirmed }) do
    for n = 1, 3 do told[#told + 1] = text(each[n]) end
  end
  told[#told + 1] = account.limits and 1 or 0
  for n = 1, 3 do told[#told + 1] = limits[n] and text(limits[n]) or '' end
  return told
end

local function read_call(id)
  local held = redis.call('GET', base .. 'call:' .. id)
  if not held then return nil end
  if held == 'settled' then return { id = id, state = held } end
  return cmsgpack.unpack(held)
end

local function write_call(call) later[#later + 1] = { 'SET', base .. 'call:' .. call.id, cmsgpack.pack(call) } end

local function entry_of(call, amount, kind)
  return table.concat({ text(amount[1]), text(amount[2]), text(amount[3]), kind, call.id }, ':')
end

-- Books on one account at a time; of a rolling one, only what has not left it by now.
local function book(call, account, amount, at, kind)
  if account.rolling == 1 then
    if at <= now - account.length then return end
    later[#later + 1] = { 'ZADD', account.entries, text(at), entry_of(call, amount, kind) }
  end
  add(account.spent, amount, 1)
  if kind == 'u' then add(account.unconfirmed, amount, 1) end
  account.changed = true
end

local function unbook(call, window, account)
  if account.rolling == 1 then
    local entry = entry_of(call, call.amount, 'u')
    if not redis.call('ZSCORE', account.entries, entry) then return end
    later[#later + 1] = { 'ZREM', account.entries, entry }
  elseif window.resets ~= account.resets or not account.exists then
    return
  end
  add(account.spent, call.amount, -1)
  add(account.unconfirmed, call.amount, -1)
  account.changed = true
end

-- Undoes what a call that is not settled has on its accounts: a reservation, or the charge for a lapsed one.
local function take_back(call)
  for _, window in ipairs(call.windows) do
    local account = load(window)
    if call.state == 'held' then
      add(account.reserved, call.amount, -1)
      account.changed = true
    elseif call.state == 'charged' then
      unbook(call, window, account)
    end
  end
end

local function hold(call)
  for _, window in ipairs(call.windows) do
    local account = load(window)
    add(account.reserved, call.amount, 1)
    account.changed = true
  end
  call.state = 'held'
  write_call(call)
  later[#later + 1] = { 'ZADD', base .. 'leases', text(call.lease_ends), call.id }
  later[#later + 1] = { 'ZREM', base .. 'lapsed', call.id }
end

-- Ends leases that are over; how many.
local function lapse()
  local over = redis.call('ZRANGEBYSCORE', base .. 'leases', '-inf', text(now), 'LIMIT', 0, AT_ONCE)
  for _, id in ipairs(over) do
    later[#later + 1] = { 'ZREM', base .. 'leases', id }
    local call = read_call(id)
    if call and call.state == 'held' then
      take_back(call)
      call.state = charges and call.called == 1 and 'charged' or 'released'
      for _, window in ipairs(call.windows) do
        local account = load(window)
        window.resets = account.resets
        if call.state == 'charged' then book(call, account, call.amount, call.lease_ends, 'u') end
      end
      write_call(call)
      later[#later + 1] = { 'ZADD', base .. 'lapsed', text(now + DAY), id }
    end
  end
  again = again or #over == AT_ONCE
  return #over
end

local function idle(account)
  for n = 1, 3 do
    if account.reserved[n] ~= 0 then return false end
  end
  return account.rolling == 0 or (not account.limits and redis.call('ZCARD', account.entries) == 0)
end

local function window_of(id, rolling)
  local start, account = string.match(id, '^(%d+):(.*)$')
  return { account = account, start = tonumber(start), rolling = rolling }
end

-- Removes some of what nobody needs any more.
local function sweep(at_most)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. 'lapsed', '-inf', text(now), 'LIMIT', 0, at_most)) do
    redis.call('ZREM', base .. 'lapsed', id)
    redis.call('DEL', base .. 'call:' .. id)
  end
  for rolling, set in pairs({ [0] = 'ends', [1] = 'rolling' }) do
    local before = rolling == 1 and now or now - DAY
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. set, '-inf', text(before), 'LIMIT', 0, at_most)) do
      local account = load(window_of(id, rolling))
      commit()
      if idle(account) then
        redis.call('ZREM', base .. set, id)
        redis.call('DEL', base .. 'at:' .. id)
      else
        redis.call('ZADD', base .. set, text(now + math.max(account.length or 0, 60000)), id)
      end
    end
  end
end
