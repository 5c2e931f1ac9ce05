#!lua flags=allow-oom
-- ARGV, after the first two: the call, its lease in ms. Returns {}.
local call = read_call(ARGV[3])
if not call or call.state ~= 'held' or call.lease_ends <= now then return {} end
call.called, call.lease_ends = 1, now + tonumber(ARGV[4])
write_call(call)
later[#later + 1] = { 'ZADD', base .. 'leases', text(call.lease_ends), call.id }
commit()
return {}
