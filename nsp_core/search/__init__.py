"""Search for short programs that recognize a labeled behavior."""
