"""What a node has above it. `syncing` fills it in; alone, an instance has nothing there."""

from typing import Protocol


class Upstream(Protocol):
    """The hub as the domain needs it."""

    def refresh(self, organization_id: str) -> bool:
        """Brings in what others wrote, when that takes no time that anyone notices; whether
        something may have come.
        """

    def standing(self, organization_id: str, level: str, context_id: str) -> str:
        """How far the hub has a context: `disabled`, `pending`, `synced` or `conflict`."""


class Alone:
    """No hub."""

    def refresh(self, organization_id: str) -> bool:
        return False

    def standing(self, organization_id: str, level: str, context_id: str) -> str:
        return "disabled"


_upstream: Upstream = Alone()


def install(upstream: Upstream) -> None:
    """Connects the domain with what is above it; called once, at the start."""
    global _upstream
    _upstream = upstream


def refresh(organization_id: str) -> bool:
    return _upstream.refresh(organization_id)


def standing(organization_id: str, level: str, context_id: str) -> str:
    return _upstream.standing(organization_id, level, context_id)
