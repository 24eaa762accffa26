"""What users call: trees, arguments and messages, then one interpreter."""
