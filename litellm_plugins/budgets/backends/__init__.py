"""One file per kind of store; all keep the same protocol and pass the same conformance suite."""
