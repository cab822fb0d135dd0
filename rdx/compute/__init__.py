"""How work is spread over threads, devices and memory; nothing about what it is."""
