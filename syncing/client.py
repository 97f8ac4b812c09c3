"""The HTTP client of the hub: bounded in time and size, its failures typed, its key unseen."""

import contextlib
import logging
import os
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx2
from django.conf import settings

from contexts import documents
from contexts.breaker import Breaker
from contexts.errors import ContextError
from contexts.levels import Document
from syncing.addresses import is_key, is_loopback, secure
from syncing.errors import HubAway, HubFailed, HubRefused, SyncError, of_answer

CONNECT_SECONDS = 3.0
POOL_SECONDS = 5.0
SECONDS = 10.0
# An answer that trickles in without ever being silent ends too.
LONGEST_ANSWER_SECONDS = 120.0
LARGEST_ANSWER = 64 * 2**20
# What wraps a document in an answer nests it deeper.
DEEPEST = documents.MAX_DEPTH + 10
# One for the long poll, one for pushes, one for looks in between.
KEPT_CONNECTIONS = 3
LIMITS = httpx2.Limits(
    max_connections=8, max_keepalive_connections=KEPT_CONNECTIONS, keepalive_expiry=60
)
# How the library says that a kept connection was closed while nobody used it.
BROKEN = (httpx2.NetworkError, httpx2.RemoteProtocolError)
# Besides its own errors the library lets through those of addresses, proxies and certificate
# files that make no sense, and of a client that another thread closed meanwhile.
FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, ImportError, OSError, RuntimeError, ValueError)

# They log every request's address.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class CloudClient:
    """One hub. Thread-safe; a forked process gets connections of its own.

    Every method returns the answer's JSON object or raises a `SyncError`. `breaker` opens when
    the hub does not answer and closes when it does; calls are made all the same, who need not
    call asks it.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        insecure: bool = False,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """`insecure` sends the key readable over http:// to other machines, too."""
        self.breaker = Breaker()
        parts = urlsplit(url)
        # A user in the address would take the key's place in the header.
        host = parts.netloc.rpartition("@")[2]
        self._url = f"{parts.scheme}://{host}{parts.path.rstrip('/')}/api/v1/sync/"
        self._key = key
        self._may_send_key = insecure or transport is not None or secure(url)
        self._transport = transport
        # By process, and without a lock: a fork may copy a lock that another thread holds.
        self._opened: dict[int, httpx2.Client] = {}

    @property
    def away(self) -> bool:
        """Whether the hub did not answer a moment ago."""
        return not self.breaker.allows

    def status(self) -> Document:
        """Where the hub stands (`GET status/`)."""
        return self._ask("GET", "status/")

    def changes(self, *, wait: float = 0, seconds: float | None = None, **query: Any) -> Document:
        """A page of the hub's feed; it may hold an empty one for `wait` seconds.

        `seconds` bounds each step: connecting, sending, the silence before and in the answer.
        """
        if wait:
            query["wait"] = int(wait)
        longest = wait + SECONDS if seconds is None else seconds
        return self._ask("GET", "changes/", query, seconds=longest)

    def snapshot(self, **query: Any) -> Document:
        """A page of what is current at the hub."""
        return self._ask("GET", "snapshot/", query)

    def push(self, body: Document) -> Document:
        """Verdicts on entries."""
        return self._ask("POST", "push/", body=documents.to_json(body))

    def close(self) -> None:
        """Lets go of the connections; the next call opens new ones."""
        if (mine := self._opened.pop(os.getpid(), None)) is not None:
            mine.close()

    def _http(self) -> httpx2.Client:
        pid = os.getpid()
        if (mine := self._opened.get(pid)) is not None:
            return mine
        # A parent's is not closed: its locks may be held by threads that only the parent has.
        for parent in set(self._opened) - {pid}:
            self._opened.pop(parent, None)
        return self._opened.setdefault(pid, self._open())

    def _open(self) -> httpx2.Client:
        return httpx2.Client(
            headers={
                "Authorization": f"Bearer {self._key}",
                "User-Agent": f"contextsys/{version('contextsys')}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
            # A session of the hub's would be somebody else than the key.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=LIMITS,
            # Certificates of the environment's choice, but no proxy to this machine.
            verify=httpx2.create_ssl_context(),
            trust_env=not is_loopback(self._url),
            follow_redirects=False,
            transport=self._transport,
        )

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        body: bytes | None = None,
        seconds: float = SECONDS,
    ) -> Document:
        if not self._may_send_key:
            raise HubRefused(0, "insecure", "The key would travel readable: nothing was sent.")
        if not is_key(self._key):
            raise HubRefused(0, "no_key", "CONTEXTSYS_CLOUD_KEY is no key: nothing was sent.")
        told = (query or {}).items()
        try:
            http = self._http()
            request = http.build_request(
                method,
                self._url + path,
                params={name: str(each) for name, each in told if each is not None},
                content=body,
                headers={} if body is None else {"Content-Type": "application/json"},
                timeout=_timeout(seconds),
            )
            response = _send(http, request)
            with contextlib.closing(response):
                content = _read(response)
        except FAILURES as error:
            failure = _failure(error)
        else:
            answer = _document(content)
            if response.is_success and answer is not None:
                self.breaker.worked()
                return answer
            failure = of_answer(
                response.status_code,
                answer,
                retry_after=response.headers.get("Retry-After", ""),
                date=response.headers.get("Date", ""),
                ours=settings.CONTEXTSYS_ORGANIZATION,
                secret=self._key,
            )
        if not isinstance(failure, HubAway):
            self.breaker.worked()
        elif seconds >= CONNECT_SECONDS:
            # A hub that is only too slow for who is in a hurry can be pushed to.
            self.breaker.failed()
        # Outside the handler: the library's errors hold the request, and so the key.
        raise failure


def _timeout(seconds: float) -> httpx2.Timeout:
    return httpx2.Timeout(
        connect=min(seconds, CONNECT_SECONDS),
        pool=min(seconds, POOL_SECONDS),
        read=seconds,
        write=min(seconds, SECONDS),
    )


def _send(http: httpx2.Client, request: httpx2.Request) -> httpx2.Response:
    """Sends it; again when a kept connection turns out to be closed, as that says nothing.

    All that is sent may arrive twice (DESIGN §4), so a push may be sent again as well.
    """
    for _ in range(KEPT_CONNECTIONS):
        steps: set[str] = set()
        request.extensions["trace"] = lambda step, _, steps=steps: steps.add(step)
        try:
            return http.send(request, stream=True)
        except BROKEN:
            on_a_kept_one = "http11.send_request_headers.started" in steps
            if not on_a_kept_one or "connection.connect_tcp.started" in steps:
                raise
    return http.send(request, stream=True)


def _read(response: httpx2.Response) -> bytes:
    parts, size = [], 0
    end = time.monotonic() + LONGEST_ANSWER_SECONDS
    for part in response.iter_bytes():
        size += len(part)
        if size > LARGEST_ANSWER:
            raise HubFailed(response.status_code, "The hub's answer is too large.")
        if time.monotonic() > end:
            raise httpx2.ReadTimeout("")
        parts.append(part)
    return b"".join(parts)


def _document(content: bytes) -> Document | None:
    """The JSON object that `content` is; None when it is none."""
    try:
        body = documents.parse(content, DEEPEST)
    except ContextError:
        return None
    return body if isinstance(body, dict) else None


def _failure(error: Exception) -> SyncError:
    """What it means that no answer came; never in the library's words, which may quote."""
    if isinstance(error, httpx2.DecodingError):
        return HubFailed(0, "The hub's answer cannot be decoded.")
    if isinstance(error, httpx2.TimeoutException):
        return HubAway("The hub does not answer in time.")
    if isinstance(error, httpx2.ProxyError):
        return HubAway("The proxy that the environment names does not let us through to the hub.")
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = f"certificate verification failed ({cause.verify_message})"
            return HubAway(f"The hub cannot be trusted: {why}.")
        if isinstance(cause, ssl.SSLError):
            return HubAway(f"TLS with the hub failed ({cause.reason}).")
        if isinstance(cause, OSError) and isinstance(error, httpx2.ConnectError):
            return HubAway(f"The hub cannot be reached ({cause.strerror}).")
    if isinstance(error, httpx2.TransportError):
        return HubAway(f"The connection to the hub broke ({type(error).__name__}).")
    return HubAway(
        "The hub cannot be asked: the address, the proxy or the certificates that the environment "
        f"names cannot be used ({type(error).__name__})."
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(10):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


_lock = threading.Lock()
_current: tuple[tuple[str, str, bool], CloudClient] | None = None


def client() -> CloudClient:
    """The client of the hub that the settings name, one a process."""
    global _current
    url, key = settings.CONTEXTSYS_CLOUD_URL, settings.CONTEXTSYS_CLOUD_KEY
    named = url, key, settings.CONTEXTSYS_CLOUD_INSECURE
    current = _current
    if current is not None and current[0] == named:
        return current[1]
    with _lock:
        if _current is None or _current[0] != named:
            if _current is not None:
                _current[1].close()
            _current = named, CloudClient(url, key, insecure=settings.CONTEXTSYS_CLOUD_INSECURE)
        return _current[1]
