"""Sealing what must be stored for a moment before its secrets are out: nobody reads it there."""

import hashlib
import json
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE = 12


class Broken(Exception):
    """Sealed with another key, or damaged."""


def seal(value: Any) -> bytes:
    """`value` (JSON), encrypted and signed with a key that follows from the instance's own."""
    nonce = os.urandom(_NONCE)
    return nonce + _cipher().encrypt(nonce, json.dumps(value).encode(), None)


def unseal(sealed: bytes) -> Any:
    """What was sealed. Raises `Broken`."""
    try:
        return json.loads(_cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], None))
    except (InvalidTag, ValueError) as error:
        raise Broken from error


def _cipher() -> AESGCM:
    return AESGCM(hashlib.sha256(b"contexts.sealing " + settings.SECRET_KEY.encode()).digest())
