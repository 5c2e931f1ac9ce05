"""LLMLingua-2: a small model says of each word whether it is needed. It runs in a process of its own, the sidecar.

Here: what is said between proxy and sidecar (`protocol`), the sidecar (`engine`, `server`, `serving`), and the proxy's
side of it (`client`, `child`). Only `engine` imports torch, and only in the sidecar.
"""
