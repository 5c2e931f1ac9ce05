"""The cache in the running proxy: its seat in the host, hits on their way out, fresh answers on their way in."""
