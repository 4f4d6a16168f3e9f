"""Whether the files that settings name can be used, and whom they can be read by.

They are looked at when the program starts, so that what is wrong is told then. What is in them is read where
it is used, and read again when it changes.
"""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path


def is_readable(path: Path) -> bool:
    """Whether we may read it as a file; a path that the system finds too long (a pasted token) is none."""
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except OSError:
        return False


def is_exposed(path: Path) -> bool:
    """Whether anybody on this machine may read or write the file, going by its own mode."""
    try:
        return bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:
        return False


def why_no_trust(ca_file: Path) -> str | None:
    """Why these certificates cannot be trusted; None if they can."""
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        return error.strerror or str(error)
    return None


def why_no_identity(certificate: Path, key: Path | None) -> str | None:
    """Why a server cannot be shown this certificate; None if it can. The words never quote the key."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(certificate, key, password=b"")  # else OpenSSL asks on the terminal for one
    except ssl.SSLError as error:
        return "it and the key do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else _NO_PEM
    except OSError as error:
        return error.strerror or "it cannot be read"
    return None


_NO_PEM = "it holds no certificate with its key, or the key is encrypted"
