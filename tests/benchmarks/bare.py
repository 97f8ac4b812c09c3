"""What the benchmark compares with: a bare Channels consumer with `group_send`."""

import json
import os
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contextsys.settings")
get_asgi_application()
# As long as a change's message.
FILLING = "x" * 180


class Bare(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Everybody is in one group; who sends a number makes that many messages for all."""

    groups = ["bare"]

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        for number in range(int(text_data or 0)):
            event = {"type": "told", "event": {"seq": number, "filling": FILLING}}
            await self.channel_layer.group_send("bare", event)

    async def told(self, message: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(message["event"]))


application = Bare.as_asgi()
