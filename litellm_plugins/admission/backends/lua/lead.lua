#!lua
-- KEYS[1]: the flight. ARGV: who asks, for how many ms it would lead, and whose stored answer is of no use to it.
-- Returns what stands there: the ending (none while it is under way), a colon, the owner.
local held = redis.call('GET', KEYS[1])
if held and (held:sub(1, 1) == ':' or (held:sub(1, 7) == 'stored:' and held:sub(8) ~= ARGV[3])) then return held end
local led = ':' .. ARGV[1]
redis.call('SET', KEYS[1], led, 'PX', ARGV[2])
return led
