"""Whom we trust on a TLS connection, and who we are: an SSL context that follows its files.

Certificates are always verified: there is no setting and no argument that changes that.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.explorer.secret import Signature, signature_of


@dataclass(frozen=True, slots=True)
class Identity:
    """The certificate that we show a server which asks for one; without `key` the key stands beside it."""

    certificate: Path
    key: Path | None = None


class Trust:
    """Gives a context for each new connection, made anew when a file behind it has changed.

    `ca_file` replaces the system's certificates, which are OpenSSL's: `SSL_CERT_FILE` and `SSL_CERT_DIR` say
    where those are. Raises OSError (ssl.SSLError is one) for files that cannot be used.
    """

    def __init__(self, ca_file: Path | None = None, identity: Identity | None = None) -> None:
        self._ca_file = ca_file
        self._identity = identity
        self._seen = self._signatures()
        self._context = self._made()

    def context(self) -> ssl.SSLContext:
        """The context to connect with now; files that are caught half-written leave the one before in use."""
        seen = self._signatures()
        if seen != self._seen:
            try:
                self._context = self._made()
            except OSError:
                return self._context  # looked at again for the next connection
            self._seen = seen
        return self._context

    def _made(self) -> ssl.SSLContext:
        """Not by `create_default_context`, which writes the session's keys where SSLKEYLOGFILE says."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if self._ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(self._ca_file)
        if self._identity is not None:
            # An empty password: for an encrypted key OpenSSL would ask on the terminal.
            context.load_cert_chain(self._identity.certificate, self._identity.key, password=b"")
        return context

    def _signatures(self) -> tuple[Signature | None, ...]:
        return tuple(signature_of(path) for path in self._files())

    def _files(self) -> Iterator[Path]:
        if self._ca_file is not None:
            yield self._ca_file
        if self._identity is not None:
            yield self._identity.certificate
            if self._identity.key is not None:
                yield self._identity.key
