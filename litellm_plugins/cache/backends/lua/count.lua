#!lua
-- KEYS[1]: a number. ARGV[1]: what to add to it; ARGV[2]: after how many seconds without a change it is forgotten.
redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
