"""Replies that unpack to more than anybody wants."""

from __future__ import annotations

import zlib


def bomb(*pieces: bytes) -> bytes:
    """These pieces as gzip, without all of them in our own memory at once."""
    packing = zlib.compressobj(9, wbits=31)
    return b"".join([*map(packing.compress, pieces), packing.flush()])
