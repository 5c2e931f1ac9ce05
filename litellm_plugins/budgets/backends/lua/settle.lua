#!lua flags=allow-oom
-- ARGV, after the first two: the call, the amount (three). Returns {0}, or {1, balances}.
-- A server whose memory is full runs it all the same: what is settled takes less room than what is not.
local actual, told = triple(ARGV, 4), {}
lapse()
commit()
local call = read_call(ARGV[3])
if not call or call.state == 'settled' then return { 0 } end
take_back(call)
for n, window in ipairs(call.windows) do
  local account = load(window)
  book(account, window.at, actual, 1)
  told[n] = balance(account)
end
later[#later + 1] = { 'SET', base .. 'call:' .. call.id, 'settled', 'PX', DAY }
later[#later + 1] = { 'ZREM', base .. 'leases', call.id }
later[#later + 1] = { 'ZREM', base .. 'lapsed', call.id }
commit()
sweep(3)
return { 1, told }
