"""Machine code, its cache, memory and threads; layers and streams that run on them."""
