"""What a program means: evaluation, forward mode, linear programs and their transposes, batches, staging, checks."""
