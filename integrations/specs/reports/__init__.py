"""Reads the reports that tests and coverage tools leave (untrusted): what can't be read is a note, no error."""

from integrations.specs.reports.reading import Read, add_up, parse_report, read_report

__all__ = ["Read", "add_up", "parse_report", "read_report"]
