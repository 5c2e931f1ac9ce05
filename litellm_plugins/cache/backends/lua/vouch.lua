#!lua
-- KEYS[1]: answers by how many people stand behind them. ARGV: an answer, how many more, how many answers are kept.
local people = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0) + tonumber(ARGV[2])
if people <= 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return 0
end
redis.call('ZADD', KEYS[1], people, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[3]) - 1)
return people
