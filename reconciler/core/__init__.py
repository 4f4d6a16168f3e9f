"""Decisions, pure: values in, values out. No clock, no I/O, no logger, no settings."""
