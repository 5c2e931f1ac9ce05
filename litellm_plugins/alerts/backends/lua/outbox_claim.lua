#!lua
-- KEYS: the receiver's items that wait. ARGV: now, the lease, how many, what all items' keys begin with,
-- how long one may wait.
-- Returns of each: key, id, target, payload, until, which attempt this is.
local claimed = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local item = ARGV[4] .. name
  local put = tonumber(redis.call('HGET', item, 'put') or 0)
  if put > tonumber(ARGV[1]) - tonumber(ARGV[5]) then
    redis.call('ZADD', KEYS[1], tonumber(ARGV[1]) + tonumber(ARGV[2]), name)
    local attempt = redis.call('HINCRBY', item, 'attempts', 1)
    local told = redis.call('HMGET', item, 'key', 'id', 'target', 'payload', 'until')
    told[6] = attempt
    claimed[#claimed + 1] = told
  else
    redis.call('ZREM', KEYS[1], name)
    redis.call('DEL', item)
  end
end
return claimed
