"""How fast it is, seen from outside: real processes, sockets and files, each beside a rival or a floor.

Nothing of the package is imported here, so that a figure holds whatever the inside becomes.
"""
