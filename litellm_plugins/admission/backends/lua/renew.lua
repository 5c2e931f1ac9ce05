#!lua
-- KEYS[1]: the flight. ARGV: whose it is, and for how many ms from now. Returns 0 where another has it by now.
local held = redis.call('GET', KEYS[1])
if held and held ~= ':' .. ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ':' .. ARGV[1], 'PX', ARGV[2])
return 1
