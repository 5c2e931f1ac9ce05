"""The cost monitor in the running proxy."""
