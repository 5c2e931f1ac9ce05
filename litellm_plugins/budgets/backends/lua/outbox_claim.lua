#!lua
-- KEYS: the receiver's items that wait. ARGV: now, the lease, how many, what all items' keys begin with.
-- Returns of each: key, id, target, payload, until, which attempt this is.
local claimed = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local item = ARGV[4] .. name
  if redis.call('EXISTS', item) == 1 then
    redis.call('ZADD', KEYS[1], tonumber(ARGV[1]) + tonumber(ARGV[2]), name)
    local attempt = redis.call('HINCRBY', item, 'attempts', 1)
    local told = redis.call('HMGET', item, 'key', 'id', 'target', 'payload', 'until')
    told[6] = attempt
    claimed[#claimed + 1] = told
  else
    redis.call('ZREM', KEYS[1], name)
  end
end
return claimed
