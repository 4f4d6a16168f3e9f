"""A stand-in for Explorer that behaves as its API page says, with faults to switch on. Imports nothing of the rest."""
