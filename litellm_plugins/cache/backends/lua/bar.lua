#!lua
-- KEYS[1]: pairs by when they end. ARGV: now, until when, how many are kept, then the pairs.
-- What lasts longer already goes on lasting; the first to end make room.
for place = 4, #ARGV do redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[place]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[3]) - 1)
