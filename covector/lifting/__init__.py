"""Lifted code: NumPy code as people write it, under every transformation (`covector.lift`)."""
