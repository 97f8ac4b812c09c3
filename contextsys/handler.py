"""Django under ASGI, with one change of thread a request.

Django's own handler goes from the event loop to a new thread and back for every middleware, which
is most of the time of a small request. Here the whole chain runs in one go, synchronously, in a
thread that is kept; the loop reads, waits for changes and sends.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from contexts.views import feed
from contextsys.middleware import observed

T = TypeVar("T")
# More than there are connections to a database: one that hangs must not keep others from asking
# whether the server lives.
THREADS = 64


class Handler(ASGIHandler):
    """The ASGI application for HTTP."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="request")

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request. A client that goes away ends the waiting, not the work."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with closing(body):
            answering = asyncio.create_task(self._answer(scope, body, send))
            gone = asyncio.create_task(self.listen_for_disconnect(receive))
            try:
                await asyncio.wait((answering, gone), return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                answering.cancel()
                await asyncio.wait((answering, gone))
        if not gone.cancelled():
            # What is raised here was there before the client went.
            gone.exception()
        if not answering.cancelled():
            answering.result()

    async def _answer(self, scope: Any, body: Any, send: Any) -> None:
        request, refusal = self.create_request(scope, body)
        if request is None:
            assert refusal is not None  # noqa: S101 (there is one of the two)
            response: HttpResponseBase = refusal
        else:
            with observed(request) as observation:
                response = await self._in_thread(self._respond, scope, request)
                if await feed.changed(response):
                    response = await self._in_thread(self._respond, scope, request)
                observation.answered(response)
        try:
            await self.send_response(response, send)
        finally:
            if response.streaming:
                await self._in_thread(response.close)

    def _respond(self, scope: Any, request: HttpRequest) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        response = self.get_response(request)
        if not response.streaming:
            # Gives the thread's database connection back, before anything is sent.
            response.close()
        return response

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` returns; who is cancelled meanwhile waits for its end all the same."""
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        future = loop.run_in_executor(self._pool, context.run, work, *arguments)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait((future,))
            raise
