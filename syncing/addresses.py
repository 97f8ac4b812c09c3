"""Which hubs a key can be sent to, and what can be a key. Pure."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether `url` leads to this machine, where nobody listens in on plain HTTP."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def secure(url: str) -> bool:
    """Whether a key can travel to `url` without others reading it."""
    return urlsplit(url).scheme == "https" or is_loopback(url)


def is_key(text: str) -> bool:
    """Whether `text` can stand in an `Authorization` header: visible ASCII without spaces."""
    return re.fullmatch(r"[!-~]+", text) is not None
