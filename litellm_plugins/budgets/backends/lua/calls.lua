-- What the methods do with calls and their leases.
local function read_call(id)
  local held = redis.call('GET', base .. 'call:' .. id)
  if not held then return nil end
  if held == 'settled' then return { id = id, state = held } end
  return cmsgpack.unpack(held)
end

local function write_call(call) later[#later + 1] = { 'SET', base .. 'call:' .. call.id, cmsgpack.pack(call) } end

local function charged_in(call, window, account)
  return call.state == 'charged' and window.resets == account.resets and account.exists
    and (account.rolling == 0 or window.at > now - account.length)
end

-- Undoes what a call that is not settled has on its accounts: a reservation, or the charge for a lapsed one.
local function take_back(call)
  for _, window in ipairs(call.windows) do
    local account = load(window)
    if call.state == 'held' then
      add(account.reserved, call.amount, -1)
      account.changed = true
    elseif charged_in(call, window, account) then
      book(account, window.at, call.amount, -1, true)
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
        if call.state == 'charged' then book(account, window.at, call.amount, 1, true) end
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
  local start, account = string.match(id, '^(-?%d+):(.*)$')
  return { account = account, start = tonumber(start), rolling = rolling }
end

-- Removes some of what nobody needs any more.
local function sweep(at_most)
  for _, group in ipairs(redis.call('ZRANGEBYSCORE', base .. 'groups', '-inf', text(now - KEPT), 'LIMIT', 0, 1)) do
    redis.call('ZREM', base .. 'groups', group)
    redis.call('DEL', base .. 'many:' .. group)
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. 'lapsed', '-inf', text(now), 'LIMIT', 0, at_most)) do
    redis.call('ZREM', base .. 'lapsed', id)
    redis.call('DEL', base .. 'call:' .. id)
  end
  for rolling, set in pairs({ [0] = 'ends', [1] = 'rolling' }) do
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. set, '-inf', text(now - KEPT), 'LIMIT', 0, at_most)) do
      local account = load(window_of(id, rolling))
      commit()
      if idle(account) then
        redis.call('ZREM', base .. set, id)
        redis.call('DEL', base .. 'at:' .. id)
      else
        redis.call('ZADD', base .. set, text(now), id)
      end
    end
  end
end
