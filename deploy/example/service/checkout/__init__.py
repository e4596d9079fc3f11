"""The checkout service: what a basket costs."""
