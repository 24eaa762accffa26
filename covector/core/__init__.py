"""The language: what a value looks like, what an operation is, who says what it means, and programs."""
