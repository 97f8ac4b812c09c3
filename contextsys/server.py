"""The serving process: daphne in the main thread, its listening socket, its orderly end."""

import asyncio
import signal
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, cast

import daphne.server
from daphne.http_protocol import WebRequest
from django.conf import settings
from twisted.internet import defer
from twisted.internet import reactor as installed_reactor
from twisted.logger import STDLibLogObserver, globalLogPublisher

from contexts.views import capture
from syncing.views import largest_push

# Twisted's types name interfaces, of which the installed reactor has several.
reactor: Any = installed_reactor
BACKLOG = 1024
LOOK_EVERY = 0.05
# Together below the five seconds that an operator waits (CONTRACT §1).
DRAIN_SECONDS = 2.0
CANCEL_SECONDS = 1.0
# Of a body, from daphne to Django; its own 8 KiB make a thousand messages of the largest.
LARGEST_CHUNK = 2**20
# One byte more than any view reads: of a longer body the rest is not kept, and its view refuses it.
LARGEST_BODY = 1 + max(capture.LARGEST_BODY, largest_push(), settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

# Sockets close for less than this; what is even larger is not taken into memory.
LARGEST_FRAME = max(settings.CONTEXTSYS_MAX_DOCUMENT_BYTES, 2**16)
SENT_TOO_MUCH = 4409


class PortUnusable(Exception):
    """The address cannot be listened on; says why."""


def address_of(host: str, port: int) -> str:
    """The IP address that `host` stands for, IPv4 before IPv6, if it can be listened on.

    Raises `PortUnusable`: before anything else is begun, as `Server` would find out last.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise PortUnusable(f"--host is {host!r}, which is no address of this machine.") from None
    family, kind, protocol, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    try:
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen()
    except OSError as error:
        raise PortUnusable(_complaint(host, port, error.strerror or str(error))) from None
    return str(address[0])


def _complaint(host: str, port: int, why: str) -> str:
    return f"Cannot listen on {url_of(host, port)}: {why}."


def url_of(host: str, port: int) -> str:
    """The URL of a server at `host`, which in a URL stands in brackets when it is IPv6."""
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _keep(request: Any, received: bytes) -> None:
    """Takes a part of a request's body, which Twisted would store whatever its length."""
    request.content.write(received[: max(0, LARGEST_BODY - request.content.tell())])


def _refuse_frame(protocol: Any, *_: Any) -> None:
    """Ends a WebSocket whose client sends more in a frame than it may, and keeps none of it."""
    protocol.failedByMe = True
    protocol.sendClose(SENT_TOO_MUCH, "a frame was too large")


class Server(daphne.server.Server):  # type: ignore[misc]
    """Daphne with one address, that ends in bounded time.

    At a signal it stops listening, lets requests under way end for a while (waiting long-polls
    hold it up no longer than that), cancels the rest and returns from `run`.
    """

    def __init__(
        self,
        application: Any,
        host: str,
        port: int,
        *,
        when_ready: Callable[[int], None],
        when_ending: Callable[[], None],
    ) -> None:
        address = address_of(host, port)
        protocol, interface = "tcp6" if ":" in address else "tcp", address.replace(":", r"\:")
        super().__init__(
            application,
            endpoints=[f"{protocol}:port={port}:interface={interface}:backlog={BACKLOG}"],
            signal_handlers=False,
            verbosity=1,
            request_buffer_size=LARGEST_CHUNK,
            websocket_timeout=-1,
            websocket_max_message_size=LARGEST_FRAME,
            websocket_max_frame_size=LARGEST_FRAME,
            ready_callable=self._ready,
        )
        self._host, self._port = host, port
        self._when_ready, self._when_ending = when_ready, when_ending
        self._listening: list[Any] = []
        self._refused: str | None = None
        self._ending = False

    def run(self) -> None:
        """Serves until SIGTERM or SIGINT. Raises `PortUnusable`."""
        super().run()
        if self._refused is not None:
            raise PortUnusable(_complaint(self._host, self._port, self._refused))

    def _ready(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        # Daphne's own way to keep Twisted's log would send all of standard error there too.
        globalLogPublisher.addObserver(cast(Any, STDLibLogObserver("twisted")))
        port = self._listening[0].getHost().port
        reactor.callWhenRunning(self._when_ready, port)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # Reaches the reactor even when it sleeps; asked again, nothing more happens.
        reactor.callFromThread(self._end)

    def protocol_connected(self, protocol: Any) -> None:
        if isinstance(protocol, WebRequest):
            # Django reads forms itself. Twisted would hold them in memory once more, and answer
            # one that is malformed with a bare 400 before our views hear of it.
            protocol._parsePOSTFormSubmission = False
            protocol.handleContentChunk = partial(_keep, protocol)
        else:
            protocol._max_message_size_exceeded = partial(_refuse_frame, protocol)
        super().protocol_connected(protocol)

    def listen_success(self, port: Any) -> None:
        self._listening.append(port)
        super().listen_success(port)

    def listen_error(self, failure: Any) -> None:
        cause = getattr(failure.value, "socketError", failure.value)
        self._refused = getattr(cause, "strerror", None) or failure.getErrorMessage()
        self.stop()

    def _end(self) -> None:
        if self._ending:
            return
        self._ending = True
        self._when_ending()
        for port in self._listening:
            port.stopListening()
        self._drain(int(DRAIN_SECONDS / LOOK_EVERY))

    def _drain(self, looks: int) -> None:
        if looks and self._unanswered():
            reactor.callLater(LOOK_EVERY, self._drain, looks - 1)
        else:
            # One more turn of the loop, for answers that are still being sent.
            reactor.callLater(LOOK_EVERY, self.stop)

    def _unanswered(self) -> list[WebRequest]:
        return [each for each in self._running() if isinstance(each, WebRequest)]

    def _running(self) -> dict[Any, asyncio.Future[Any]]:
        """The connections that an application still works for, each with its future."""
        return {
            protocol: details["application_instance"]
            for protocol, details in self.connections.items()
            if "application_instance" in details and not details["application_instance"].done()
        }

    def kill_all_applications(self) -> Any:
        """Ends what is left, and waits for that no longer than `CANCEL_SECONDS`.

        A request is told that its client is gone: Django then ends the view in order, while
        cancelled from outside it would leave it behind.
        """
        left = self._running()
        for protocol, future in left.items():
            if isinstance(protocol, WebRequest):
                protocol.application_queue.put_nowait({"type": "http.disconnect"})
            else:
                future.cancel()
        if not left:
            return None
        ended = asyncio.wait(left.values(), timeout=CANCEL_SECONDS)
        return defer.Deferred.fromFuture(asyncio.ensure_future(ended))
