#!lua
-- KEYS[1]: a stream. ARGV[1]: about how many of its items are kept; then the new item's fields, name and value by turns.
-- Returns the item's number: 1, 2, 3, …
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local number = 1
if last[1] then number = tonumber(string.match(last[1][1], '^%d+')) + 1 end
local id = string.format('%d-0', number)
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], id, unpack(ARGV, 2))
return number
