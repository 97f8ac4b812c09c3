"""Conversations with the socket, in process: every frame is held against the AsyncAPI document."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from channels.testing import WebsocketCommunicator
from django.db import connection
from jsonschema import Draft202012Validator

from contexts import services
from contexts.access import Caller
from contexts.consumers import asyncapi
from contexts.history import read_feed
from contexts.levels import Level
from contexts.models import Role
from contextsys.asgi import application

T = TypeVar("T")
Frame = dict[str, Any]
SECONDS = 20.0
OWNER = Caller("global", "owner", Role.ADMIN)
_SENT, _RECEIVED = (
    {kind: Draft202012Validator(schema) for kind, schema in schemas.items()}
    for schemas in asyncapi.payloads()
)


def checked(frame: Frame) -> Frame:
    """A frame of ours, as documented."""
    _RECEIVED[frame["type"]].validate(frame)
    return frame


def is_documented(message: Frame) -> bool:
    """Whether a client may send that."""
    return message.get("type") in _SENT and _SENT[message["type"]].is_valid(message)


class Closing(Exception):
    """The server closed the socket."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Talk:
    """A client's side of one conversation."""

    def __init__(self, key: str | None = None, path: str = "/ws/contexts/", **headers: str) -> None:
        if key is not None:
            headers.setdefault("authorization", f"Bearer {key}")
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._socket = WebsocketCommunicator(application, path, headers=raw)

    async def open(self) -> tuple[bool, Any]:
        """Whether the handshake was accepted, and the code it was refused with."""
        accepted, code = await self._socket.connect(timeout=SECONDS)
        return accepted, code

    async def __aenter__(self) -> "Talk":
        accepted, code = await self.open()
        assert accepted, code
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.disconnect(timeout=SECONDS)

    async def say(self, kind: str, **fields: Any) -> None:
        message = {"type": kind, **fields}
        assert is_documented(message), message
        await self.send(json.dumps(message))

    async def send(self, text: str | None = None, content: bytes | None = None) -> None:
        """Any frame at all."""
        await self._socket.send_to(text_data=text, bytes_data=content)

    async def hear(self) -> Frame:
        """The next frame. Raises `Closing`."""
        output = await self._socket.receive_output(timeout=SECONDS)
        if output["type"] == "websocket.close":
            raise Closing(output["code"])
        return checked(json.loads(output["text"]))

    async def ask(self, kind: str, **fields: Any) -> Frame:
        """Says something; the next frame."""
        await self.say(kind, **fields)
        return await self.hear()

    async def silent(self) -> bool:
        """Whether nothing came before the answer to a ping, which all that is due precedes."""
        # What is on its way in the process arrives meanwhile.
        await asyncio.sleep(0.3)
        return bool((await self.ask("ping"))["type"] == "pong")

    async def closed(self) -> int:
        """The code that it is closed with, whatever comes before."""
        try:
            while True:
                await self.hear()
        except Closing as closing:
            return closing.code


async def subscribed(talk: Talk, level: str, context_id: str, **fields: Any) -> Frame:
    answer = await talk.ask("subscribe", level=level, context_id=context_id, **fields)
    assert answer["type"] == "subscribed", answer
    return answer


async def heard_until(talk: Talk, seq: int) -> list[Frame]:
    """The changes up to number `seq`, which must concern the socket."""
    frames: list[Frame] = []
    while not frames or frames[-1]["seq"] < seq:
        frames.append(await talk.hear())
        assert frames[-1]["type"] == "context_changed", frames[-1]
    return frames


def talking(scene: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Plays a scene on a loop of its own."""

    async def play() -> T:
        return await asyncio.wait_for(scene(), 60)

    return asyncio.run(play())


async def doing(work: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Something done with the database, as a request's thread does it."""
    doer: Awaitable[T] = asyncio.to_thread(_closing, work, *arguments, **options)
    return await doer


def _closing(work: Callable[..., T], *arguments: Any, **options: Any) -> T:
    try:
        return work(*arguments, **options)
    finally:
        connection.close()


def set_data(level: Level, context_id: str, **data: Any) -> str:
    """The owner writes what others hear of; the revision."""
    row = services.update(OWNER, level, context_id, lambda values: {**values, "data": data})
    return row.revision


def head() -> int:
    """The number of the newest change."""
    return read_feed("global", 0, 500).feed.head
