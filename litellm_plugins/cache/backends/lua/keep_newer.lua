#!lua
-- KEYS[1]: a fit. ARGV: its version and its bytes. Kept unless one of that version or a newer one is there.
local held = redis.call('HGET', KEYS[1], 'version')
if not held or tonumber(held) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'version', ARGV[1], 'fit', ARGV[2])
end
