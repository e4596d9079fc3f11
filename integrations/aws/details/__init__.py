"""What the providers of actions know beyond CodePipeline: builds, deployments, stacks, services, functions."""
