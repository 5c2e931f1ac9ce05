#!lua
-- Deferred requests, each step in one script. KEYS: the base of all keys. ARGV: what to do, and what with.
-- Under the base: r:ID a request (hash), open and expiring (ids of those without an end, by when they came and by when
-- they expire), w:GROUP (ids that wait for a batch), groups, b:ID a batch (hash), batches (by number), m:ID (its open
-- members), t:TENANT (its ids without an end), ended (ids by when they ended), turn (hash).
local base, given = KEYS[1], ARGV

local function field(id, name) return redis.call('HGET', base .. 'r:' .. id, name) end

local function is_open(id) return field(id, 'ended_s') == '' end

local function stop_waiting(id, group)
  redis.call('ZREM', base .. 'w:' .. group, id)
  if redis.call('ZCARD', base .. 'w:' .. group) == 0 then redis.call('SREM', base .. 'groups', group) end
end

local function wait(id, group)
  redis.call('ZADD', base .. 'w:' .. group, field(id, 'created_s'), id)
  redis.call('SADD', base .. 'groups', group)
end

local function finish(id, status, now, reason, answer)
  local batch = field(id, 'batch')
  redis.call('HSET', base .. 'r:' .. id, 'status', status, 'ended_s', now, 'reason', reason, 'answer', answer)
  redis.call('ZREM', base .. 'open', id)
  redis.call('ZREM', base .. 'expiring', id)
  redis.call('SREM', base .. 't:' .. field(id, 'tenant'), id)
  if batch == '' then stop_waiting(id, field(id, 'model_group')) else redis.call('ZREM', base .. 'm:' .. batch, id) end
  redis.call('ZADD', base .. 'ended', now, id)
end

local steps = {}

-- most, most of its tenant or '', id, when it came, when it expires, its model group, its tenant; then its fields in pairs.
function steps.put()
  if redis.call('ZCARD', base .. 'open') >= tonumber(given[2]) then return 'full' end
  local id, own = given[4], base .. 't:' .. given[8]
  if given[3] ~= '' and redis.call('SCARD', own) >= tonumber(given[3]) then return 'tenant_full' end
  redis.call('HSET', base .. 'r:' .. id, unpack(given, 9))
  redis.call('ZADD', base .. 'open', given[5], id)
  redis.call('ZADD', base .. 'expiring', given[6], id)
  redis.call('SADD', own, id)
  wait(id, given[7])
  return 'kept'
end

-- id, tenant, now.
function steps.cancel()
  local id = given[2]
  if field(id, 'tenant') == given[3] and field(id, 'batch') == '' and is_open(id) then
    finish(id, 'cancelled', given[4], '', '')
  end
  return 1
end

-- owner, now, until when.
function steps.lease()
  local held = redis.call('HMGET', base .. 'turn', 'owner', 'until')
  if held[1] and held[1] ~= given[2] and tonumber(held[2]) > tonumber(given[3]) then return 0 end
  redis.call('HSET', base .. 'turn', 'owner', given[2], 'until', given[4])
  return 1
end

function steps.release()
  if redis.call('HGET', base .. 'turn', 'owner') == given[2] then redis.call('DEL', base .. 'turn') end
  return 1
end

-- Of each model group its name, how many wait, and since when.
function steps.waiting()
  local told = {}
  for _, group in ipairs(redis.call('SMEMBERS', base .. 'groups')) do
    local first = redis.call('ZRANGE', base .. 'w:' .. group, 0, 0, 'WITHSCORES')
    told[#told + 1] = { group, redis.call('ZCARD', base .. 'w:' .. group), first[2] }
  end
  return told
end

-- batch, model group, most, most bytes of their bodies; then the batch's fields in pairs. Returns the ids.
function steps.claim()
  local batch, group = given[2], given[3]
  local ids, bytes = {}, 0
  for _, id in ipairs(redis.call('ZRANGE', base .. 'w:' .. group, 0, tonumber(given[4]) - 1)) do
    bytes = bytes + redis.call('HSTRLEN', base .. 'r:' .. id, 'body')
    if #ids > 0 and bytes > tonumber(given[5]) then break end
    ids[#ids + 1] = id
  end
  if #ids == 0 then return ids end
  redis.call('HSET', base .. 'b:' .. batch, unpack(given, 6))
  redis.call('ZADD', base .. 'batches', redis.call('INCR', base .. 'number'), batch)
  for _, id in ipairs(ids) do
    redis.call('HSET', base .. 'r:' .. id, 'batch', batch)
    redis.call('ZADD', base .. 'm:' .. batch, field(id, 'created_s'), id)
    stop_waiting(id, group)
  end
  return ids
end

-- batch, whether it is submitted; then its fields in pairs.
function steps.note()
  local batch = given[2]
  if redis.call('EXISTS', base .. 'b:' .. batch) == 0 then return 0 end
  redis.call('HSET', base .. 'b:' .. batch, unpack(given, 4))
  if given[3] == '1' then
    for _, id in ipairs(redis.call('ZRANGE', base .. 'm:' .. batch, 0, -1)) do
      redis.call('HSET', base .. 'r:' .. id, 'status', 'submitted')
    end
  end
  return 1
end

function steps.drop()
  local batch = given[2]
  for _, id in ipairs(redis.call('ZRANGE', base .. 'm:' .. batch, 0, -1)) do
    redis.call('HSET', base .. 'r:' .. id, 'batch', '', 'status', 'queued')
    wait(id, field(id, 'model_group'))
  end
  redis.call('DEL', base .. 'm:' .. batch, base .. 'b:' .. batch)
  redis.call('ZREM', base .. 'batches', batch)
  return 1
end

-- id, status, now, reason, answer.
function steps.finish()
  local id = given[2]
  if not is_open(id) then return 0 end
  finish(id, given[3], given[4], given[5], given[6])
  return 1
end

-- now, most. Returns ids.
function steps.overdue()
  local ids, most = {}, tonumber(given[3])
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. 'expiring', '-inf', given[2])) do
    if #ids < most and field(id, 'batch') == '' then ids[#ids + 1] = id end
  end
  return ids
end

-- before when, how many at most. Returns how many.
function steps.sweep()
  local ids = redis.call('ZRANGEBYSCORE', base .. 'ended', '-inf', '(' .. given[2], 'LIMIT', 0, tonumber(given[3]))
  for _, id in ipairs(ids) do
    redis.call('DEL', base .. 'r:' .. id)
    redis.call('ZREM', base .. 'ended', id)
  end
  return #ids
end

-- How many have no end, and how many of these are submitted.
function steps.standing()
  local submitted = 0
  for _, batch in ipairs(redis.call('ZRANGE', base .. 'batches', 0, -1)) do
    if redis.call('HGET', base .. 'b:' .. batch, 'stage') == 'submitted' then
      submitted = submitted + redis.call('ZCARD', base .. 'm:' .. batch)
    end
  end
  return { redis.call('ZCARD', base .. 'open'), submitted }
end

return steps[given[1]]()
