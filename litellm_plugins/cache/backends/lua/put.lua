#!lua
-- KEYS: the entry, and its extension. ARGV[1]: how long it lives in ms, "" for ever; then its fields, name and value by
-- turns. With no flag in the first line the server refuses the whole script when its memory is full: an entry is never
-- half replaced.
local now = redis.call('TIME')
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'seq', string.format('%.0f', now[1] * 1000000 + now[2]), unpack(ARGV, 2))
if ARGV[1] ~= '' then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
