#!lua
-- KEYS: the entry, and its extension. ARGV: its new end, the time now (both in UNIX seconds), how long it then lives in ms.
-- The new end is no field of the entry, since writing one would have the server index the whole entry anew, its vector
-- included: milliseconds in which it answers nobody.
local first_end = redis.call('HGET', KEYS[1], 'expires_at')
if not first_end then return 0 end
local ends = math.max(tonumber(first_end), tonumber(redis.call('GET', KEYS[2]) or first_end))
local pinned = redis.call('PTTL', KEYS[1]) < 0
if ends >= tonumber(ARGV[1]) or (not pinned and ends <= tonumber(ARGV[2])) then return 0 end
if pinned then
  redis.call('SET', KEYS[2], ARGV[1])
else
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
