"""Actions of agents: what they tell is extracted, and kept as an entry of their task."""

from typing import Any

from django.conf import settings

from contexts import access, documents, entries, services
from contexts.access import Caller
from contexts.changes import Author
from contexts.entries import LONGEST_AGENT
from contexts.errors import Forbidden, Invalid, NotFound
from contexts.extraction import extract
from contexts.keeping import cut_members, fitted, shortened
from contexts.levels import TASK, Document
from contexts.models import Agent, Entry, Role
from contexts.queries import present_entry
from contexts.services.rows import redacted

LONGEST_TYPE = 100
LONGEST_CONTENT = 300


def track(
    author: Author,
    action_type: str,
    data: Document,
    *,
    agent: str = "",
    precondition: services.Precondition | None = None,
) -> tuple[Document, Entry]:
    """Keeps an action as an entry of the task that `data` names; what was extracted, the entry.

    Raises `Invalid` for what is no action, `NotFound` for a missing task, `RevisionMismatch`.
    """
    task_id = _checked(action_type, data, agent)
    if not TASK.rows(author.organization_id, context_id=task_id).exists():
        raise NotFound
    read, left = shortened(data)
    extracted = extract(action_type, read, redacted)
    # The data holds what was edited.
    extracted.pop("diff", None)
    if extracted and left:
        extracted["cut"] = {**extracted.get("cut", {}), "characters": left}
    extracted = fitted(extracted)
    entry = entries.add(
        author,
        TASK,
        task_id,
        Entry.Kind.ACTION,
        describe(action_type, extracted),
        agent=agent,
        details={
            "action_type": action_type,
            "data": cut_members(data),
            "extracted": extracted,
        },
        precondition=precondition,
    )
    return extracted, entry


def _checked(action_type: Any, data: Any, agent: Any) -> str:
    errors: dict[str, list[str]] = {}
    if not isinstance(action_type, str) or not 0 < len(action_type) <= LONGEST_TYPE:
        errors["action_type"] = [f"This must be a text of 1 to {LONGEST_TYPE} characters."]
    if not isinstance(agent, str) or len(agent) > LONGEST_AGENT:
        errors["agent"] = [f"This must be a text of up to {LONGEST_AGENT} characters."]
    task_id: Any = None
    if not isinstance(data, dict):
        errors["action_data"] = ["This must be an object."]
    elif documents.depth(data) > documents.MAX_DEPTH:
        errors["action_data"] = [f"Nested deeper than {documents.MAX_DEPTH}."]
    else:
        task_id = data.get("task_id")
        if "task_id" not in data:
            errors["task_id"] = ["This field is required, in action_data."]
        elif not isinstance(task_id, str) or not task_id:
            errors["task_id"] = ["This must be a text, in action_data."]
    if errors:
        raise Invalid(errors)
    return str(task_id)


def describe(action_type: str, extracted: Document) -> str:
    """An action in one short line."""
    results = extracted.get("test_results")
    if isinstance(results, dict) and "command" not in extracted:
        counts = (f"{results[name]} {name}" for name in results if _tells(name, results[name]))
        about = ", ".join(counts)
    elif "exit_code" in extracted:
        about = extracted["command"]
        if extracted["exit_code"]:
            about += f" (exit code {extracted['exit_code']})"
    else:
        about = extracted.get("change_summary") or extracted.get("query") or ""
    line = " ".join(f"{action_type}: {about}".split()) if about else action_type
    return line if len(line) <= LONGEST_CONTENT else line[: LONGEST_CONTENT - 1] + "…"


def _tells(name: str, count: Any) -> bool:
    return bool(count) and name in ("passed", "failed", "errors", "skipped")


class AgentContextManager:
    """Tracks an agent's actions from inside the process, as `POST actions/` does from outside.

    The agent acts in its own organization; one that has no key here, in `organization_id` or the
    instance's own. Raises `Forbidden` for an agent that is revoked or may only read.
    """

    def __init__(self, agent_id: str, organization_id: str | None = None) -> None:
        agent = Agent.objects.filter(agent_id=agent_id).first()
        home = organization_id or settings.CONTEXTSYS_ORGANIZATION
        if agent is None:
            self.caller = Caller(home, agent_id, Role.WRITER)
            return
        if agent.revoked_at is not None or (organization_id or agent.organization_id) != (
            agent.organization_id
        ):
            raise Forbidden(f"The agent {agent_id} may not act here.")
        self.caller = Caller(agent.organization_id, agent.agent_id, Role(agent.role))
        access.require(self.caller, Role.WRITER)

    def track_action(self, action_type: str, action_data: Document) -> Document:
        """`{"extracted", "entry"}` of an action, as `POST actions/` answers.

        Raises `Invalid`, also for what JSON cannot hold, and `NotFound`.
        """
        if isinstance(action_data, dict):
            action_data = documents.normalize(action_data)
            documents.check_text(action_data)
        extracted, entry = track(self.caller, action_type, action_data)
        return {"extracted": extracted, "entry": present_entry(entry)}
