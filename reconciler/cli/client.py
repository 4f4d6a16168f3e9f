"""From settings to a client of Explorer: the one in the settings, or the sandbox inside."""

from __future__ import annotations

from reconciler.explorer.client import Explorer, Identity, Login, Pace, Secret, TokenFile, explorer_at
from reconciler.ops.metrics import Metrics
from reconciler.sandbox.server import PASSWORD, USER
from reconciler.settings import Explorer as Server
from reconciler.settings import Login as LoginSettings
from reconciler.settings import Settings


def explorer_of(settings: Settings, server: Server, metrics: Metrics, pace: Pace) -> Explorer:
    """A client of the Explorer that the settings name."""
    return explorer_at(
        server.url,
        _credential(server),
        timeout_s=settings.timeout_s,
        ca_file=server.ca_file,
        identity=_identity(server),
        observe=metrics.api_request,
        pace=pace,
    )


def explorer_of_sandbox(settings: Settings, url: str, metrics: Metrics) -> Explorer:
    """A client of a sandbox in this process; its password guards nothing."""
    login = Login(USER, Secret(PASSWORD), "127.0.0.1", 9669)
    return explorer_at(url, login, timeout_s=settings.timeout_s, observe=metrics.api_request)


def _identity(server: Server) -> Identity | None:
    if server.client_cert_file is None:
        return None
    return Identity(server.client_cert_file, server.client_key_file)


def _credential(server: Server) -> TokenFile | Login:
    match server.credentials:
        case LoginSettings(username=username, password_file=file, graphd_address=address):
            return Login(username, file, address.host, address.port)
        case token:
            return TokenFile(token.path)
