"""One file per place where events are told."""
