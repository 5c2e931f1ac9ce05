#!lua flags=allow-oom
-- ARGV, after the first two: windows as `find` names them, each an id and 1 where it is rolling.
-- Returns {'again'}, or {'found', balances}.
local told = {}
for n = 3, #ARGV, 2 do
  local account = load(window_of(ARGV[n], tonumber(ARGV[n + 1])))
  if account.exists and (account.rolling == 1 or account.ends > now) then told[#told + 1] = balance(account) end
end
commit()
return again and { 'again' } or { 'found', told }
