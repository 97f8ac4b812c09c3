"""Agents and their keys: made, rotated, revoked, recognized."""

import hashlib
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import QuerySet, Subquery
from django.utils import timezone

from contexts import broadcast, resolving
from contexts.errors import IdTaken, Invalid
from contexts.identifiers import is_context_id
from contexts.levels import LEVELS, Level
from contexts.models import Agent, Role
from contexts.prepared import Prepared

LONGEST_AGENT_ID = 100
KEY_PREFIX = "ctx_"


def hash_of(key: str) -> str:
    """What is stored of a key. Keys have 256 random bits, so a plain SHA-256 cannot be guessed."""
    return hashlib.sha256(key.encode("utf-8", errors="replace")).hexdigest()


def issue_key(
    agent_id: str, organization_id: str, role: Role | None = None, *, only_new: bool = False
) -> str:
    """Makes the agent, or rotates its key when it exists; returns the key, which is not kept.

    `role` None: writer for a new agent, unchanged for one that exists. A revoked agent works
    again. `only_new` never rotates. Raises `Invalid` for the id; `IdTaken` when another
    organization has that agent, when someone else makes it at the same moment, and with
    `only_new` when it exists.
    """
    if not is_context_id(agent_id, LONGEST_AGENT_ID):
        raise Invalid({"agent_id": ["A letter or digit, then letters, digits and . _ : @ -"]})
    try:
        return _issue(agent_id, organization_id, role, only_new)
    except IntegrityError:
        if not Agent.objects.filter(agent_id=agent_id).exists():
            raise
        raise IdTaken(f"Someone else made an agent {agent_id} at the same moment.") from None


@transaction.atomic
def _issue(agent_id: str, organization_id: str, role: Role | None, only_new: bool) -> str:
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    agent = Agent.objects.select_for_update().filter(agent_id=agent_id).first()
    if agent is None:
        agent = Agent(agent_id=agent_id, organization_id=organization_id)
    elif agent.organization_id != organization_id:
        raise IdTaken(f"There is an agent {agent_id} in another organization.")
    elif only_new:
        raise IdTaken(f"There is an agent {agent_id} already: rotate its key instead.")
    agent.role = role or agent.role
    agent.key_hash, agent.key_hint = hash_of(key), key[:8]
    agent.rotated_at, agent.revoked_at = timezone.now(), None
    agent.save()
    # The key before this one has ended, on open sockets too.
    transaction.on_commit(lambda: broadcast.check(organization_id), robust=True)
    return key


def revoke(agent_id: str) -> bool:
    """Ends the agent's key, at once, on open sockets too; whether there was such an agent."""
    agents = Agent.objects.filter(agent_id=agent_id)
    ended = bool(agents.update(revoked_at=timezone.now()))
    if (agent := agents.first()) is not None:
        organization_id = agent.organization_id
        transaction.on_commit(lambda: broadcast.check(organization_id), robust=True)
    return ended


class Known(NamedTuple):
    """Whose key it is."""

    agent_id: str
    organization_id: str
    role: Role


_BY_KEY = Prepared(
    lambda key_hash: Agent.objects.filter(key_hash=key_hash, revoked_at=None).values_list(
        "agent_id", "organization_id", "role"
    ),
    str,
)


def with_key(key: str) -> Known | None:
    """The agent whose key this is, unless revoked."""
    found = _BY_KEY.first(hash_of(key))
    return Known(found[0], found[1], Role(found[2])) if found is not None else None


def with_key_at(key: str, level: Level, context_id: str) -> tuple[Known, Sequence[str]] | None:
    """The agent whose key this is, and the ids and revisions of a context's chain, in one query.

    None when either is not there, or revoked.
    """
    found = _BY_KEY_AT[level.name].first(hash_of(key), context_id)
    if found is None:
        return None
    *chain, agent_id, organization_id, role = found
    return Known(agent_id, organization_id, Role(role)), chain


def _chain_for(level: Level, key_hash: str, context_id: str) -> QuerySet[Any, Any]:
    agents = Agent.objects.filter(key_hash=key_hash, revoked_at=None)
    agent_id, organization_id, role = (
        Subquery(agents.values(name)[:1]) for name in ("agent_id", "organization_id", "role")
    )
    more = (agent_id, "organization_id", role)
    return resolving.chain_of(level, organization_id, context_id, more)


_BY_KEY_AT = {
    name: Prepared(partial(_chain_for, level), str, str) for name, level in LEVELS.items()
}


def still_valid(key_hashes: set[str]) -> dict[str, Role]:
    """Those of the keys that have not ended, each with its agent's role."""
    agents = Agent.objects.filter(key_hash__in=key_hashes, revoked_at=None)
    return {key_hash: Role(role) for key_hash, role in agents.values_list("key_hash", "role")}
