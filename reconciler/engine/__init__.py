"""Performs what was planned: the only place that acts on the world."""
