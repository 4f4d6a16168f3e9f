"""What is known, durably: the port that speaks the domain, and its SQLite implementation."""
