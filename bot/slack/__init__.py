"""Slack: commands, clicks, views and mentions in; cards out."""
