#!lua
-- KEYS: the lease. ARGV: who gives it back.
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then redis.call('DEL', KEYS[1]) end
