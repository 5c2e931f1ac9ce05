#!lua
-- KEYS: the batch's mark, the examples, the hours that there are, then the hours. ARGV: for how many ms the mark is
-- kept; the examples older than which are forgotten, how many there may be, for how many ms the newest is kept; now, in
-- UNIX seconds; then how many examples, and of each its time and its text; then of each hour until when it is kept (UNIX
-- seconds), how many rows, and of each row its words and its sums, which commas part. Returns 1 where it was added now.
-- Hours have no lifetime of their own: a full server evicts first what has one and was not asked for of late.
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) == false then return 0 end
local at = 6
local examples = tonumber(ARGV[at])
for _ = 1, examples do
  redis.call('ZADD', KEYS[2], ARGV[at + 1], ARGV[at + 2])
  at = at + 2
end
if examples > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. ARGV[2])
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[3]))
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
at = at + 1
for number = 4, #KEYS do
  local hour, ends, rows = KEYS[number], ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  for _ = 1, rows do
    local words, sums = ARGV[at], ARGV[at + 1]
    at = at + 2
    local before = redis.call('HGET', hour, words)
    if before then
      local after, next_of = {}, string.gmatch(before, '-?%d+')
      for sum in string.gmatch(sums, '-?%d+') do
        after[#after + 1] = string.format('%.0f', tonumber(sum) + tonumber(next_of() or 0))
      end
      sums = table.concat(after, ',')
    end
    redis.call('HSET', hour, words, sums)
  end
  redis.call('ZADD', KEYS[3], ends, hour)
end
for _, hour in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[5], 'LIMIT', 0, 2)) do
  redis.call('ZREM', KEYS[3], hour)
  redis.call('UNLINK', hour)
end
return 1
