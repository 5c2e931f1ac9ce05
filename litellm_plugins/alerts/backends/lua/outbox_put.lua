#!lua
-- KEYS: the receiver's items that wait, by when they are due; the item. ARGV: now, how many may wait, how long one may,
-- what all items' keys begin with, the item's name there; then its key, id, target, payload, until. Returns 1 where it is kept.
local now = tonumber(ARGV[1])
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[3]), 'LIMIT', 0, 8)) do
  local put = tonumber(redis.call('HGET', ARGV[4] .. name, 'put') or 0)
  if put <= now - tonumber(ARGV[3]) then
    redis.call('ZREM', KEYS[1], name)
    redis.call('DEL', ARGV[4] .. name)
  end
end
local sent = redis.call('HGET', KEYS[2], 'sent')
if sent and not (sent == '1' and tonumber(redis.call('HGET', KEYS[2], 'until')) <= now) then return 0 end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'key', ARGV[6], 'id', ARGV[7], 'target', ARGV[8], 'payload', ARGV[9], 'until', ARGV[10],
  'put', ARGV[1], 'attempts', 0, 'sent', '0')
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[5])
return 1
