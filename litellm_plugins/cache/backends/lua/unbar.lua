#!lua
-- KEYS[1]: pairs by when they end. ARGV: until when at most those last that go, then the pairs.
for place = 2, #ARGV do
  local ends = redis.call('ZSCORE', KEYS[1], ARGV[place])
  if ends and tonumber(ends) <= tonumber(ARGV[1]) then redis.call('ZREM', KEYS[1], ARGV[place]) end
end
