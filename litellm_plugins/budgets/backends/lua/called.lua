#!lua flags=allow-oom
-- ARGV, after the first two: the call, its lease in ms.
local call = read_call(ARGV[3])
if not call or call.state == 'settled' then return end
call.called, call.lease_ends = 1, now + tonumber(ARGV[4])
if call.state ~= 'held' then take_back(call) end
if call.state == 'held' then
  write_call(call)
  later[#later + 1] = { 'ZADD', base .. 'leases', text(call.lease_ends), call.id }
else
  hold(call)
end
commit()
