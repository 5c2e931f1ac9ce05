#!lua
-- KEYS[1]: the entry. ARGV: its new expires_at, the time now (both in UNIX seconds), and how long it then lives in ms.
local held = redis.call('HMGET', KEYS[1], 'expires_at', 'live_until')
if not held[1] or not held[2] then return 0 end
if tonumber(held[1]) >= tonumber(ARGV[1]) or tonumber(held[2]) <= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'expires_at', ARGV[1])
if redis.call('PTTL', KEYS[1]) >= 0 then -- a pinned one has no end
  redis.call('HSET', KEYS[1], 'live_until', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
