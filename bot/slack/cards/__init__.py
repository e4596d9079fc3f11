"""Draws cards, notes and notices: pure functions of a release."""
