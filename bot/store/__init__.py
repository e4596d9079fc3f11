"""What is remembered: releases, events, messages and cursors in a database."""
