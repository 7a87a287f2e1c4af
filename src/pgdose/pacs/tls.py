"""Contexts of TLS: which certificates are trusted, and which are shown."""

import ssl
from pathlib import Path

from pgdose.errors import UserError
from pgdose.study.pacs import Tls


def client_context(tls: Tls) -> ssl.SSLContext:
    """For connections to a server: its certificate and its name are checked."""
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except (OSError, ssl.SSLError):
        raise UserError(
            f"server.tls.ca: {tls.ca!r} holds no certificates in PEM; give the file of the "
            "authority that signed the server's certificate"
        ) from None
    _show_own(context, tls)
    return context


def listener_context(tls: Tls) -> ssl.SSLContext:
    """For the listener of C-MOVE: whoever connects must show a certificate that is trusted."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    _show_own(context, tls)
    return context


def _show_own(context: ssl.SSLContext, tls: Tls) -> None:
    if tls.certificate is None:
        return
    try:
        # A key with a password would ask for it at the terminal.
        context.load_cert_chain(tls.certificate, tls.key, password=lambda: "")
    except (OSError, ssl.SSLError):
        raise UserError(
            f"server.tls.certificate: {tls.certificate!r} and its key are not a pair in PEM, or "
            "the key has a password; give a pair without one"
        ) from None


def trusted_file(tls: Tls | None) -> str | bool:
    """What `requests` trusts: a file of authorities, or True for those that it brings along."""
    if tls and tls.ca:
        client_context(tls)  # says what is wrong with the file
        return tls.ca
    system = ssl.get_default_verify_paths()
    names = (system.cafile, system.openssl_cafile)
    return next((name for name in names if name and Path(name).is_file()), True)
