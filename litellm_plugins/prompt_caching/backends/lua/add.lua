#!lua
-- KEYS: the batch's mark, the stream of sights, the families that there are, then each family's hash. ARGV: now; for how
-- many ms sights are kept, and how many; for how many ms families are kept, how many there may be, and how many are
-- forgotten at once; what the keys of families begin with; the worker; the sights; then of each family its id, how it
-- stands, how many counts, and of each its name and by how much. Returns 1 where it was added now.
local now, keep_sights, most_sights = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local keep_families, most_families, at_once, root = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', keep_sights) == false then return 0 end
if ARGV[9] ~= '' then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', most_sights, '*', 'worker', ARGV[8], 'body', ARGV[9])
  local server = tonumber(redis.call('TIME')[1]) * 1000 -- whose clock the stream's ids are of
  redis.call('XTRIM', KEYS[2], 'MINID', '~', string.format('%.0f', server - keep_sights))
  redis.call('PEXPIRE', KEYS[2], keep_sights)
end
local at = 10
for number = 4, #KEYS do
  local family, id, last, counts = KEYS[number], ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  redis.call('HSETNX', family, 'since', ARGV[1])
  redis.call('HSET', family, 'last', last)
  for _ = 1, counts do
    redis.call('HINCRBY', family, 'n:' .. ARGV[at], ARGV[at + 1])
    at = at + 2
  end
  redis.call('ZADD', KEYS[3], now, id)
end
local old = string.format('(%.0f', now - keep_families)
local gone = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', old, 'LIMIT', 0, at_once)
for _, id in ipairs(gone) do
  redis.call('UNLINK', root .. id)
  redis.call('ZREM', KEYS[3], id)
end
local over = redis.call('ZCARD', KEYS[3]) - most_families
if over > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, over - 1)) do
    redis.call('UNLINK', root .. id)
    redis.call('ZREM', KEYS[3], id)
  end
end
return 1
