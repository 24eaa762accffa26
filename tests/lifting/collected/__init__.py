"""Numerical functions that others wrote, as data: what is imported, the call, the values that are differentiated."""
