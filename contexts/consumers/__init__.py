"""The WebSocket `/ws/contexts/` (CONTRACT §3)."""

from contexts.consumers.socket import contexts_socket

__all__ = ["contexts_socket"]
