"""The backend aws."""
