"""The backend `aws` against AWS itself; see deploy/aws/README.md for how to run these, and what they cost."""
