"""What a client's messages do: each checks, makes one call and gives the answer."""

from contexts import access, merging, services, upstream
from contexts.access import Caller
from contexts.consumers.admission import Credential
from contexts.consumers.messages import Message, TooManySubscriptions, encode
from contexts.consumers.outgoing import NOT_AUTHENTICATED, Closed
from contexts.errors import Invalid
from contexts.levels import Document
from contexts.models import Role
from contexts.replay import chain_at, reach_of
from contexts.subscriptions import Subscription

MOST_SUBSCRIPTIONS = 1000
# As with `If-Match`: whichever revision it is.
ANY = "*"


def present_caller(credential: Credential, organization_id: str | None = None) -> Caller:
    """Whose the credential is now. Raises `Closed` when it holds no more, or holds elsewhere."""
    caller = credential.caller()
    if caller is None or (organization_id or caller.organization_id) != caller.organization_id:
        raise Closed(NOT_AUTHENTICATED, "no valid credential")
    return caller


def subscribe(
    credential: Credential, organization_id: str, message: Message
) -> tuple[str, Subscription]:
    """The answer to `subscribe`, and the subscription that begins with it.

    Raises `NotFound`, `Invalid`.
    """
    caller = present_caller(credential, organization_id)
    level, context_id = message.level, message.text("context_id")
    epoch, since = message.optional_text("epoch"), message.number("since")
    descendants = message.flag("descendants")
    name = message.optional_text("subscription") or f"{level.name}/{context_id}"
    if since is None and epoch is None:
        # Before the head is read: what is not there is refused without more ado.
        access.place(caller, level, context_id)
    reach = reach_of(organization_id)
    replays = reach.can_replay(epoch, since)
    begin = since if replays and since is not None else reach.head
    chain = chain_at(caller, level, context_id, begin if since is not None else None)
    answer = encode(
        "subscribed" if replays else "reset",
        **{**message.echo, "subscription": name},
        epoch=reach.epoch,
        head=reach.head,
    )
    key = (level.name, context_id)
    return answer, Subscription(name, key, descendants, chain, sent=begin, reached=begin)


def refuse_too_many(count: int) -> None:
    """Raises `TooManySubscriptions` when a socket with so many may have no further one."""
    if count >= MOST_SUBSCRIPTIONS:
        raise TooManySubscriptions(f"A socket may have {MOST_SUBSCRIPTIONS} subscriptions.")


def update(credential: Credential, organization_id: str, message: Message) -> str:
    """The answer to `update`: the same rules and the same service as PATCH.

    Raises what `services.update` does, and `Forbidden`.
    """
    caller = present_caller(credential, organization_id)
    level, context_id = message.level, message.text("context_id")
    data, expected = message.fields["data"], message.optional_text("if_revision")
    if not isinstance(data, dict):
        raise Invalid({"data": ["This must be an object."]})
    upstream.refresh(organization_id)
    access.visible(caller, level, context_id)
    access.require(caller, Role.WRITER)

    def edit(values: Document) -> Document:
        return {**values, "data": merging.deep_merge(values["data"], data)}

    row = services.update(
        caller,
        level,
        context_id,
        edit,
        precondition=None if expected in (None, ANY) else lambda revision: revision == expected,
    )
    return encode(
        "updated",
        **message.echo,
        version=row.version,
        revision=row.revision,
        sync={"status": upstream.standing(organization_id, level.name, context_id)},
    )
