"""An answer by hand, of a server that stands in for a hub."""

from http.server import BaseHTTPRequestHandler


def reply(handler: BaseHTTPRequestHandler, body: bytes = b"{}", **headers: str) -> None:
    """An answer of 200 that keeps the connection."""
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
