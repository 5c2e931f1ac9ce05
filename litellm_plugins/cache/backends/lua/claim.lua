#!lua
-- KEYS[1]: who has it. ARGV: who asks, and for how many ms; 0 lets go. Returns 1 where the asker has it, or had it.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
if tonumber(ARGV[2]) > 0 then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
else
  redis.call('DEL', KEYS[1])
end
return 1
