#!lua
-- KEYS: facts, states, texts by id; ids by name; how many of a pair; ids by worth and time, of those judged by time, of the
-- sample by draw, of those that somebody has looked at by time.
-- ARGV: how many are kept, then of each item: id, trace, call, pair, time, worth, draw ('' outside the sample), looked at
-- (1 or 0), facts, state, texts. A worth is so many times 1e11 beside the time.
local function names(tenant, trace, call)  -- whoever's, and the tenant's own: clients choose traces and calls
  local found = {}
  for _, name in pairs({trace or '', call or ''}) do
    if name ~= '' then
      found[#found + 1] = name
      found[#found + 1] = (tenant or '') .. ' ' .. name
    end
  end
  return found
end
local function forget(id)
  local facts = redis.call('HGET', KEYS[1], id)
  if facts then
    local told = cjson.decode(facts)
    for _, name in ipairs(names(told['tenant'], told['trace_id'], told['call_id'])) do
      if redis.call('HGET', KEYS[4], name) == id then redis.call('HDEL', KEYS[4], name) end
    end
    if told['pair'] and redis.call('HINCRBY', KEYS[5], told['pair'], -1) <= 0 then
      redis.call('HDEL', KEYS[5], told['pair'])
    end
  end
  for place = 1, 3 do redis.call('HDEL', KEYS[place], id) end
  for place = 6, 9 do redis.call('ZREM', KEYS[place], id) end
end
for at = 2, #ARGV, 11 do
  local id, time, worth = ARGV[at], ARGV[at + 4], tonumber(ARGV[at + 5])
  if redis.call('HSETNX', KEYS[1], id, ARGV[at + 8]) == 1 then
    redis.call('HSET', KEYS[2], id, ARGV[at + 9])
    if ARGV[at + 10] ~= '' then redis.call('HSET', KEYS[3], id, ARGV[at + 10]) end
    for _, name in ipairs(names(cjson.decode(ARGV[at + 8])['tenant'], ARGV[at + 1], ARGV[at + 2])) do
      redis.call('HSET', KEYS[4], name, id)
    end
    redis.call('HINCRBY', KEYS[5], ARGV[at + 3], 1)
    redis.call('ZADD', KEYS[6], string.format('%.6f', worth * 1e11 + tonumber(time)), id)
    if worth == 2 then redis.call('ZADD', KEYS[7], time, id) end
    if ARGV[at + 6] ~= '' then redis.call('ZADD', KEYS[8], ARGV[at + 6], id) end
    if ARGV[at + 7] == '1' then redis.call('ZADD', KEYS[9], time, id) end
  end
end
local most = tonumber(ARGV[1])
while redis.call('ZCARD', KEYS[7]) > math.floor(most / 2) do forget(redis.call('ZRANGE', KEYS[7], 0, 0)[1]) end
while redis.call('ZCARD', KEYS[6]) > most do forget(redis.call('ZRANGE', KEYS[6], 0, 0)[1]) end
