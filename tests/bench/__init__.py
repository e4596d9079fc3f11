"""What Sayso costs: every figure beside a baseline that is taken in the same run."""
