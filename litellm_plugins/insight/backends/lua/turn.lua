#!lua
-- KEYS: the turn. ARGV: now, for how many ms it is taken. Returns 1 where nobody has it.
local till = tonumber(redis.call('GET', KEYS[1]) or 0)
if till > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], string.format('%.0f', tonumber(ARGV[1]) + tonumber(ARGV[2])), 'PX', ARGV[2])
return 1
