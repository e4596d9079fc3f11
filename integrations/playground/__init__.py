"""A local Slack-like workspace with a web page, so that anyone can try the real bot without an account."""
