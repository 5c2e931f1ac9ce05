#!lua
-- KEYS: all feedback, by its id; the ids by time; the tenants by how many each has. ARGV: id, what is said, when, whose,
-- how many may be kept of all tenants, how many of one, what the key of a tenant's ids by time begins with.
-- Returns 1 where there was none by that id.
local function of(tenant) return ARGV[7] .. redis.sha1hex(tenant) end
local function count(tenant)
  local held = redis.call('ZCARD', of(tenant))
  if held > 0 then redis.call('ZADD', KEYS[3], held, tenant) else redis.call('ZREM', KEYS[3], tenant) end
  return held
end
local function forget(tenant, most)
  local popped = redis.call('ZPOPMIN', of(tenant), most)
  for place = 1, #popped, 2 do
    redis.call('HDEL', KEYS[1], popped[place])
    redis.call('ZREM', KEYS[2], popped[place])
  end
  count(tenant)
end
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before then
  local tenant = cjson.decode(before)['tenant']
  redis.call('ZREM', of(tenant), ARGV[1])
  count(tenant)
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('ZADD', of(ARGV[4]), ARGV[3], ARGV[1])
local over = count(ARGV[4]) - tonumber(ARGV[6])
if over > 0 then forget(ARGV[4], over) end
while redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[5]) do
  local fullest = redis.call('ZRANGE', KEYS[3], -1, -1)[1]
  if not fullest then break end
  forget(fullest, 1)
end
return before and 0 or 1
