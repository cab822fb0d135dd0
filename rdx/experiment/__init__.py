"""One experiment, from its configuration to its run folder: the only room that knows all others."""
