"""How a program runs on arrays."""
