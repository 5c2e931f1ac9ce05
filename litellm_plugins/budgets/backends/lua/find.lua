#!lua flags=allow-oom
-- ARGV, after the first two: an account, or '' for all. Returns {'again'}, or {'found', ids of windows that are not over}.
lapse()
commit()
if again then return { 'again' } end
local found = {}
for set, after in pairs({ ends = '(' .. text(now), rolling = '-inf' }) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', base .. set, after, '+inf')) do
    if ARGV[3] == '' or string.match(id, '^-?%d+:(.*)$') == ARGV[3] then
      found[#found + 1] = { id, set == 'rolling' and 1 or 0 }
    end
  end
end
return { 'found', found }
