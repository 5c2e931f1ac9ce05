"""The page `/plugins/ui` in the running proxy; `page` puts it together."""
