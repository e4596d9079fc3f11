"""The rules, without any input or output."""
