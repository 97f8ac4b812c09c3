"""Ids of contexts and rows: what may be one, and how the server makes one."""

import re
import secrets
import time
import uuid

from contexts.naming import context_id_from as context_id_from

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]*", re.ASCII)


def is_context_id(text: str, longest: int) -> bool:
    """Whether `text` may name a context of a level whose ids have up to `longest` characters."""
    return len(text) <= longest and _ID.fullmatch(text) is not None


def uuid7() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562 §5.7): 48 bits of milliseconds, the rest random."""
    stamp = (time.time_ns() // 1_000_000) & 0xFFFF_FFFF_FFFF
    value = (stamp << 80) | (0x7 << 76) | (secrets.randbits(12) << 64)
    return uuid.UUID(int=value | (0b10 << 62) | secrets.randbits(62))
