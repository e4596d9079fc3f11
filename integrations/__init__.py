"""What Sayso works with: backends, notifications, and the playground."""
