"""What an operation means: the vocabulary, a family a file, each primitive with all its rules."""
