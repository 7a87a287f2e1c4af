"""A web server before a PACS, as hospitals have it: it encrypts, passes on, and counts.

A test lets it misbehave: `change` gets each answer on its way, and may return another one.
"""

import collections
import contextlib
import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PASSED_ON = ("Accept", "Authorization")
PIECE = 64 * 1024


@dataclass
class Answer:
    """An answer of the PACS. `cut` bytes of the body are sent before the line breaks off."""

    status: int
    content_type: str
    body: bytes
    cut: int | None = None


Change = Callable[[str, Answer], Answer]


@dataclass
class Proxy:
    """port: where the PACS answers, encrypted. delivered: how often each path was sent whole."""

    upstream: int
    change: Change = lambda path, answer: answer
    delay: Callable[[str], float] = lambda path: 0.0  # seconds before an answer
    port: int = 0
    delivered: collections.Counter[str] = field(default_factory=collections.Counter)

    @property
    def instances(self) -> dict[str, int]:
        """How often each instance was sent whole."""
        counts = {path: n for path, n in self.delivered.items() if "/instances/" in path}
        return {path.rpartition("/instances/")[2]: n for path, n in counts.items()}

    @contextlib.contextmanager
    def run(self, certificate: Path) -> Iterator["Proxy"]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each answer waits 40 ms for a receipt

            def do_GET(self) -> None:
                answer_request(self, proxy)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_name("key.pem"))
        # The handshake belongs to the thread of a connection, not to the one that accepts all.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


def answer_request(request: BaseHTTPRequestHandler, proxy: Proxy) -> None:
    answer = ask(request, proxy.upstream)
    path = request.path.partition("?")[0]
    if answer.status == 200:
        answer = proxy.change(request.path, answer)
    time.sleep(proxy.delay(path))
    with contextlib.suppress(OSError):  # nobody listens any more
        request.send_response(answer.status)
        request.send_header("Content-Type", answer.content_type)
        request.send_header("Content-Length", str(len(answer.body)))
        request.end_headers()
        body = answer.body if answer.cut is None else answer.body[: answer.cut]
        for start in range(0, len(body), PIECE):
            request.wfile.write(body[start : start + PIECE])
        if answer.cut is not None:
            request.close_connection = True
        elif answer.status == 200:
            proxy.delivered[path] += 1


def ask(request: BaseHTTPRequestHandler, port: int) -> Answer:
    """The answer of the PACS; 502, as any proxy says it, if there is none."""
    headers = {name: request.headers[name] for name in PASSED_ON if request.headers[name]}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", request.path, headers=headers)
        response = connection.getresponse()
        kind = response.getheader("Content-Type", "application/octet-stream")
        return Answer(response.status, kind, response.read())
    except (OSError, http.client.HTTPException):
        return Answer(502, "text/plain", b"no answer from the PACS")
    finally:
        connection.close()
