"""The ASGI application that daphne serves."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contextsys.settings")

http = get_asgi_application()

from contexts import broadcast, routing  # noqa: E402 (import models, loaded by the line above)

router = ProtocolTypeRouter({"http": http, "websocket": routing.application})


async def application(scope: Any, receive: Any, send: Any) -> None:
    """All protocols. Hints for listeners go through the loop that this runs on."""
    broadcast.attach_loop()
    await router(scope, receive, send)
