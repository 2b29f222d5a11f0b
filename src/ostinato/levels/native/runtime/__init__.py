"""Where native code runs: machine code, its cache, memory, threads; layers and streams."""
