#!lua flags=allow-oom
-- ARGV, after the first two: windows as `find` names them. Returns {how many were reset}.
lapse()
commit()
local count = 0
for n = 3, #ARGV, 2 do
  local account = load(window_of(ARGV[n], tonumber(ARGV[n + 1])))
  if account.exists and (account.rolling == 1 or (account.start <= now and now < account.ends)) then
    later[#later + 1] = account.entries and { 'DEL', account.entries }
    account.spent, account.unconfirmed, account.limits = { 0, 0, 0 }, { 0, 0, 0 }, false
    account.resets, account.changed, account.limited = account.resets + 1, true, true
    count = count + 1
  end
end
commit()
return { count }
