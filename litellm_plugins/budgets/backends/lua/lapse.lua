#!lua flags=allow-oom
-- Returns {how many leases were ended, 1 where there may be more}.
local ended = lapse()
commit()
sweep(AT_ONCE)
return { ended, again and 1 or 0 }
