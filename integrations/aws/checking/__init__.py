"""What `sayso check --aws` asks of AWS: names, permissions, and the way that events come."""
