"""Programs as Python code to read, save and step through."""
