"""The first page: the tree, who is at work, the feed; and what keeps it up to date."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from contexts.errors import Invalid, NotFound
from contexts.levels import CHILD, LEVELS, Key, keys_of
from contexts.pages import addresses, happening, tree
from contexts.pages.visiting import Visitor, frame, page, waiting
from contexts.replay import reach_of

# Whoever missed more than this is better off with the whole page. An agent that is imported, or
# one that works fast, makes many changes of few contexts.
MOST_NEWS = 1_000
MOST_ROWS = 150
MOST_LINES = 50


@page
def home(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The organization."""
    around = frame(request, visitor)
    recent = happening.recent(visitor.organization_id)
    return render(
        request,
        "pages/home.html",
        {
            **around,
            "top": tree.opened(visitor.organization_id, recent.alive),
            "people": recent.people(),
            "at_work_minutes": int(happening.AT_WORK.total_seconds() // 60),
            "feed": happening.feed(visitor.organization_id),
        },
    )


@page
def children(request: HttpRequest, visitor: Visitor, level: str, context_id: str) -> HttpResponse:
    """What lies below a context: rows for the tree."""
    found = tree.nodes(visitor.organization_id, [(level, context_id)]) if level in CHILD else []
    if not found:
        raise NotFound
    after = request.GET.get("after", "")
    alive = {} if after else happening.recent(visitor.organization_id).alive
    return render(
        request, "pages/children.html", {"children": tree.children(found[0], alive, after)}
    )


@page
def earlier(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The feed before a number: lines for the feed."""
    lines = happening.feed(visitor.organization_id, number(request, "before"))
    return render(request, "pages/feed.html", {"feed": lines})


@page
def news(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """What changed after a number, as pieces of the first page."""
    organization_id = visitor.organization_id
    since = number(request, "since")
    reach = reach_of(organization_id)
    changes = happening.news(organization_id, since, MOST_NEWS + 1)
    touched: dict[Key, int] = {}
    for change in changes:
        for key in keys_of(organization_id, change.level, change.context_id, change.path):
            touched.setdefault(key, change.seq)
    if len(changes) > MOST_NEWS or len(touched) > MOST_ROWS or since > reach.head:
        return JsonResponse({"anew": True})
    own = {(change.level, change.context_id) for change in changes}
    found = {(node.level.name, node.row.context_id): node for node in _of(visitor, touched)}
    rows = [
        {
            "key": node.key,
            "parent": node.parent_key,
            "seq": touched[key],
            "own": key in own,
            "html": render_to_string("pages/node.html", {"node": node}),
        }
        for key, node in found.items()
    ]
    recent = happening.recent(organization_id)
    return JsonResponse(
        {
            "head": max([since, *(change.seq for change in changes)]),
            "rows": sorted(rows, key=lambda row: row["seq"]),
            "gone": [addresses.key(*key) for key in touched if key not in found],
            "feed": render_to_string(
                "pages/feed.html",
                {"feed": happening.feed(organization_id, since=since, most=MOST_LINES)},
            ),
            "people": render_to_string("pages/people.html", {"people": recent.people()}),
            "waiting": waiting(visitor),
        }
    )


def _of(visitor: Visitor, keys: dict[Key, int]) -> list[tree.Node]:
    return tree.nodes(visitor.organization_id, [key for key in keys if key[0] in LEVELS])


def number(request: HttpRequest, name: str) -> int:
    """A number of the log in the query. Raises `Invalid`."""
    text = request.GET.get(name, "")
    if not (
        text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= happening.LARGEST
    ):
        raise Invalid({name: ["This must be a whole number from 0."]})
    return int(text)
