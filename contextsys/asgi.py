"""The ASGI application that daphne serves."""

import os
from typing import Any

import django
from channels.routing import ProtocolTypeRouter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contextsys.settings")

django.setup(set_prefix=False)

from contexts import broadcast, routing  # noqa: E402 (import models, loaded by the line above)
from contextsys.handler import Handler  # noqa: E402

router = ProtocolTypeRouter({"http": Handler(), "websocket": routing.application})


async def application(scope: Any, receive: Any, send: Any) -> None:
    """All protocols. Hints for listeners go through the loop that this runs on."""
    broadcast.attach_loop()
    await router(scope, receive, send)
