"""A hub by script, on a socket or within the process, and the node that is linked to it."""

from tests.syncing.hubs.link import exchange, failure_of, linked_to
from tests.syncing.hubs.loopback import Listening, listening
from tests.syncing.hubs.scripted import (
    KEY,
    ORGANIZATION,
    Answer,
    Asked,
    Script,
    ScriptedHub,
    always,
    away,
)

__all__ = [
    "KEY",
    "ORGANIZATION",
    "Answer",
    "Asked",
    "Listening",
    "Script",
    "ScriptedHub",
    "always",
    "away",
    "exchange",
    "failure_of",
    "linked_to",
    "listening",
]
