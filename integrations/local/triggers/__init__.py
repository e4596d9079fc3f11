"""What starts pipelines by itself: webhooks of git hosts and registries, a schedule, a branch that is looked at."""
