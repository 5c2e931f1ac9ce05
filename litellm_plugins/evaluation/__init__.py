"""How good are the cache's decisions on labelled questions? By the code that decides in the proxy, on a real store."""
