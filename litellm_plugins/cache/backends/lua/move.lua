#!lua
-- KEYS[1]: an entry. ARGV: its number, what its field `space` is to say, what vectors' fields begin with; then, where it
-- is given a vector, the fields to set, name and value by turns, the vector last. Returns 1, or 0 where the entry is
-- gone, was put anew or is in that space. Other vectors go first: an entry without one costs little to index again.
local held = redis.call('HMGET', KEYS[1], 'seq', 'space', 'size')
if held[1] ~= ARGV[1] or held[2] == ARGV[2] then return 0 end
local size, set = tonumber(held[3]), { 'space', ARGV[2] }
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(name, 1, #ARGV[3]) == ARGV[3] then
    size = size - redis.call('HSTRLEN', KEYS[1], name)
    redis.call('HDEL', KEYS[1], name)
  end
end
for n = 4, #ARGV do set[#set + 1] = ARGV[n] end
if #ARGV > 3 then size = size + #ARGV[#ARGV] end
redis.call('HSET', KEYS[1], 'size', string.format('%.0f', size), unpack(set))
return 1
