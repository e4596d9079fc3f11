"""What building and releasing checkout needs besides the service itself."""
