#!lua
-- KEYS: notes by id, their ids by age. ARGV: how many are kept, then of each its id and what it says.
for at = 2, #ARGV, 2 do
  if redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) == 1 then
    local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
    redis.call('ZADD', KEYS[2], tonumber(last[2] or 0) + 1, ARGV[at])
  end
end
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[1])
if over > 0 then
  local gone = redis.call('ZPOPMIN', KEYS[2], over)
  for at = 1, #gone, 2 do redis.call('HDEL', KEYS[1], gone[at]) end
end
