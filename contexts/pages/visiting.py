"""Who looks at a page: signed in, in one organization; and what every page's answer carries."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from contexts.access import Caller
from contexts.admin import additions
from contexts.authentication import ORGANIZATION_HEADER, caller_of
from contexts.errors import ContextError, Forbidden, NotFound
from contexts.identifiers import is_context_id
from contexts.levels import GLOBAL
from contexts.models import Delegation, GlobalContext, Membership, Role, owned
from contexts.replay import reach_of

# Nothing inline and nothing from elsewhere; the socket is of the same host.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
MOST_CHOICES = 200
CHOSEN = "organization"

# What a page is asked for besides the request, and for the view also the visitor.
View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Visitor:
    """A human in the organization that the page is of."""

    caller: Caller
    staff: bool

    @property
    def organization_id(self) -> str:
        return self.caller.organization_id

    @property
    def may_write(self) -> bool:
        return self.caller.may(Role.WRITER)

    @property
    def may_decide(self) -> bool:
        return self.caller.may(Role.ADMIN)


def page(view: View) -> View:
    """A page for those who are signed in; others are led to the sign-in, scripts get a 401.

    What the view raises of `ContextError` becomes a page of its status: a stranger's context and
    a missing one the same page.
    """

    @require_safe
    @wraps(view)
    def answer(request: HttpRequest, **named: str) -> HttpResponse:
        if not request.user.is_authenticated:
            if ORGANIZATION_HEADER in request.headers:
                return secured(HttpResponse("You are signed out.", status=401))
            return secured(redirect_to_login(request.get_full_path()))
        try:
            response = view(request, visitor_of(request), **named)
        except ContextError as error:
            response = render(
                request, "pages/refused.html", {"sentence": error.sentence}, status=error.status
            )
        return secured(response)

    return answer


def secured(response: HttpResponse) -> HttpResponse:
    """The headers of every page."""
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def visitor_of(request: HttpRequest) -> Visitor:
    """The human in the organization that the request names, else the one chosen before, else the
    first of theirs. Raises `NotFound` for one that is not theirs, `Forbidden` without any.
    """
    user: Any = request.user
    named = request.headers.get(ORGANIZATION_HEADER) or request.GET.get(CHOSEN)
    if named is not None:
        caller = caller_of(user, named) if is_context_id(named, GLOBAL.longest_id) else None
        if caller is None:
            raise NotFound
        if CHOSEN in request.GET and request.session.get(CHOSEN) != named:
            request.session[CHOSEN] = named
        return Visitor(caller, user.is_staff)
    chosen = request.session.get(CHOSEN)
    caller = (caller_of(user, chosen) if chosen else None) or caller_of(user)
    if caller is None:
        raise Forbidden("You are a member of no organization yet: ask an administrator.")
    return Visitor(caller, user.is_staff)


def frame(request: HttpRequest, visitor: Visitor) -> dict[str, Any]:
    """What the frame around every page shows, and where in the change log the page stands.

    To be asked before the page's content: what comes after `head` is told by the socket.
    """
    reach = reach_of(visitor.organization_id)
    choices = choices_of(request, visitor)
    return {
        "visitor": visitor,
        "epoch": reach.epoch,
        "head": reach.head,
        "organizations": choices if len(choices) > 1 else [],
        "organization_name": next(
            (name for found, name in choices if found == visitor.organization_id), ""
        ),
        "waiting": waiting(visitor),
    }


def choices_of(request: HttpRequest, visitor: Visitor) -> list[tuple[str, str]]:
    """Id and name of the organizations that the human may choose."""
    rows = GlobalContext.objects.order_by("context_id")
    if not visitor.caller.is_instance_admin:
        mine = Membership.objects.filter(user=request.user.pk).values("organization_id")
        rows = rows.filter(context_id__in=mine)
    return list(rows.values_list("context_id", "name")[:MOST_CHOICES])


def waiting(visitor: Visitor) -> int:
    """How many decisions wait: delegations, and what other apps have to decide."""
    organization_id = visitor.organization_id
    pending = owned(organization_id, Delegation, status=Delegation.Status.PENDING).count()
    return pending + sum(count(organization_id) for count in additions.waiting)
