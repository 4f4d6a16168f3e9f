"""Ask for NebulaGraph Explorer workflow jobs in git: one manifest, one job, and a record of why."""

__version__ = "0.1.0"
