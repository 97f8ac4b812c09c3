"""The addresses of WebSockets."""

from typing import Any

from channels.routing import URLRouter
from channels.security.websocket import WebsocketDenier
from django.urls import path, re_path

from contexts.consumers import contexts_socket

# As views they are no Django views: Channels asks them as ASGI applications.
application: Any = URLRouter(
    [
        path("ws/contexts/", contexts_socket),  # type: ignore[arg-type]
        re_path("", WebsocketDenier.as_asgi()),
    ]
)
