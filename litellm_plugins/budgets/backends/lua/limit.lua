#!lua
-- ARGV, after the first two: the account, its start, end, 1 where it is rolling; then 0, or 1 and the limits (three). Returns {}.
local account = load({
  account = ARGV[3], start = tonumber(ARGV[4]), ends = tonumber(ARGV[5]), rolling = tonumber(ARGV[6])
}, true)
if ARGV[7] == '1' then
  account.limits = { tonumber(ARGV[8]) or false, tonumber(ARGV[9]) or false, tonumber(ARGV[10]) or false }
else
  account.limits = false
end
account.changed, account.limited = true, true
commit()
return {}
