"""One connection: who it is, what it asks, what it hears, and how it ends."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError

from contexts.access import Caller
from contexts.consumers import handling
from contexts.consumers.admission import (
    Credential,
    key_credential,
    may_come_from,
    shown_at_the_door,
)
from contexts.consumers.incoming import Gone, Incoming, Receive
from contexts.consumers.messages import (
    AlreadyAuthenticated,
    Message,
    NotSubscribed,
    encode,
    encode_error,
    named_in,
    parse,
)
from contexts.consumers.outgoing import (
    GOING_AWAY,
    NOT_AUTHENTICATED,
    ORIGIN,
    SERVER_ERROR,
    Closed,
    Outgoing,
    Send,
)
from contexts.consumers.rooms import room_of
from contexts.consumers.stream import Stream
from contexts.errors import ContextError
from contexts.replay import Reach, reach_of
from contexts.threads import in_thread

logger = logging.getLogger("contextsys.socket")
AUTH_SECONDS = 5.0
HEARTBEAT_SECONDS = 25.0
PERMISSION_SECONDS = 60.0
# A client that sends without a pause leaves the others their turn after so many frames.
FRAMES_A_TURN = 20


class DatabaseUnavailable(ContextError):
    code = "database_unavailable"
    status = 503


class ServerError(ContextError):
    code = "server_error"
    status = 500


async def contexts_socket(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The ASGI application of `/ws/contexts/`."""
    await receive()
    if not may_come_from(scope):
        # Before it is accepted: the handshake is refused with 403.
        await send({"type": "websocket.close", "code": ORIGIN})
        return
    await send({"type": "websocket.accept"})
    incoming, outgoing = Incoming(receive, send), Outgoing(send)
    try:
        await Socket(incoming, outgoing).run(shown_at_the_door(scope))
    except Gone:
        return
    except Closed as closed:
        await outgoing.close(closed.code, closed.reason)
    except asyncio.CancelledError:
        await outgoing.close(GOING_AWAY, "the server ends")
        raise
    except Exception:
        logger.exception("a socket failed")
        await outgoing.close(SERVER_ERROR, "something went wrong on the server")
    finally:
        incoming.end()


class Socket:
    """The conversation with one client, from its acceptance on."""

    caller: Caller
    counted_as: str
    credential: Credential
    stream: Stream

    def __init__(self, incoming: Incoming, outgoing: Outgoing) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._asked = asyncio.Event()

    async def run(self, credential: Credential | None) -> None:
        """Talks until the end. Raises `Gone`, `Closed`."""
        self.credential = credential or await self._introduction()
        self.caller, reach = await in_thread(self._look_up)
        self.counted_as = f"{reach.epoch}:{self.caller.key}"
        async with room_of(self.caller.organization_id, self) as room:
            self.stream = Stream(room.tail, self._outgoing)
            await self._outgoing.send(
                encode("connected", agent_id=self.caller.name, epoch=reach.epoch, head=reach.head)
            )
            await _until_one_ends(
                self._listen(), self.stream.run(), self._beat(), self._keep_permission()
            )

    def wake(self) -> None:
        """For the room: there is something to send."""
        if hasattr(self, "stream"):
            self.stream.wake()

    def ask_again(self) -> None:
        """For the room: the credential may hold no more."""
        self._asked.set()

    def _look_up(self) -> tuple[Caller, Reach]:
        caller = handling.present_caller(self.credential)
        return caller, reach_of(caller.organization_id)

    async def _introduction(self) -> Credential:
        """The key that the client sends first. Raises `Closed`, `Gone`."""
        try:
            async with asyncio.timeout(AUTH_SECONDS):
                message = parse(await self._incoming.frame())
                message.check()
                if message.type == "auth":
                    return key_credential(message.text("key"))
        except (TimeoutError, ContextError):
            pass
        raise Closed(NOT_AUTHENTICATED, "no valid credential")

    async def _listen(self) -> None:
        frames = 0
        while True:
            message: Message | None = None
            text = ""
            try:
                text = await self._incoming.frame()
                message = parse(text)
                message.check()
                answer = await self._answer(message)
            except ContextError as error:
                answer = encode_error(error, message or named_in(text))
            except (OperationalError, InterfaceError) as error:
                logger.warning("the database refused: %s", type(error.__cause__ or error).__name__)
                answer = encode_error(DatabaseUnavailable("The database does not answer."), message)
            if answer is not None:
                await self._outgoing.send(answer)
            frames += 1
            if frames % FRAMES_A_TURN == 0:
                await asyncio.sleep(0)

    async def _answer(self, message: Message) -> str | None:
        """Does what a checked message asks, and gives the answer when it is not sent yet."""
        if message.type == "ping":
            return encode("pong", **message.echo)
        if message.type == "subscribe":
            await self._subscribe(message)
            return None
        if message.type == "unsubscribe":
            return self._unsubscribe(message)
        if message.type == "update":
            updated: str = await self._in_thread(handling.update, message)
            return updated
        raise AlreadyAuthenticated("This socket is authenticated already.")

    async def _in_thread(self, work: Callable[..., Any], message: Message) -> Any:
        try:
            return await in_thread(work, self.credential, self.caller.organization_id, message)
        except (ContextError, Closed, OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("a message could not be answered")
            raise ServerError("Something went wrong on the server.") from None

    async def _subscribe(self, message: Message) -> None:
        subscriptions = self.stream.subscriptions
        answer, subscription = await self._in_thread(handling.subscribe, message)
        if subscription.name not in subscriptions:
            handling.refuse_too_many(len(subscriptions))
        else:
            # Nothing of the former one comes after the answer.
            subscriptions.remove(subscription.name)
        await self._outgoing.send(answer)
        self.stream.add(subscription)

    def _unsubscribe(self, message: Message) -> str:
        subscriptions = self.stream.subscriptions
        key = message.level.name, message.text("context_id")
        name = message.optional_text("subscription")
        found = [each for each in subscriptions.of(key) if name in (None, each.name)]
        if not found:
            raise NotSubscribed("There is no such subscription.")
        for each in found:
            subscriptions.remove(each.name)
        return encode("unsubscribed", **{"subscription": found[0].name, **message.echo})

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self._outgoing.send(encode("heartbeat", head=self.stream.reached))

    async def _keep_permission(self) -> None:
        """Looks whether the credential still holds, every now and then and when asked."""
        while True:
            try:
                async with asyncio.timeout(PERMISSION_SECONDS):
                    await self._asked.wait()
            except TimeoutError:
                pass
            self._asked.clear()
            try:
                await in_thread(
                    handling.present_caller, self.credential, self.caller.organization_id
                )
            except (OperationalError, InterfaceError):
                # It could not be told; the next look will.
                continue


async def _until_one_ends(*parts: Any) -> None:
    """Runs all until one ends, which is then told; none is left behind."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
