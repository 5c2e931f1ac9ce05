#!lua
-- KEYS: the receiver's items that wait; the item. ARGV: its name, its id, the attempt; when it is due again, or '' where
-- it was sent; for how many ms it is then known.
local held = redis.call('HMGET', KEYS[2], 'id', 'attempts', 'sent')
if held[1] ~= ARGV[2] or held[2] ~= ARGV[3] or held[3] ~= '0' then return 0 end
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1])
  return 1
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], 'sent', '1', 'payload', '')
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
