#!lua
-- KEYS: states by id; ids by worth and time, of those judged by time, of those that somebody has looked at by time.
-- ARGV: id, the state as it was, the new one, time, worth, looked at (1 or 0). Returns 1 where it was as it was.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[2], string.format('%.6f', tonumber(ARGV[5]) * 1e11 + tonumber(ARGV[4])), ARGV[1])
for place, holds in pairs({[3] = ARGV[5] == '2', [4] = ARGV[6] == '1'}) do
  if holds then redis.call('ZADD', KEYS[place], ARGV[4], ARGV[1]) else redis.call('ZREM', KEYS[place], ARGV[1]) end
end
return 1
