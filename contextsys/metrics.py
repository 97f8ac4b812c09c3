"""Prometheus metrics and `/metrics`; the domain knows nothing of them, they are fed from here."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from contexts import cache
from contexts.access import Caller
from contexts.models import Change, Feed, owned
from syncing.status import journal_health, sync_health

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
RESOLVED_ROUTE = "-resolved"

disable_created_metrics()  # type: ignore[no-untyped-call]
registry = CollectorRegistry()
requests = Counter(
    "contextsys_requests", "Answered requests.", ["method", "route", "status"], registry=registry
)
request_seconds = Histogram(
    "contextsys_request_seconds", "Time to answer a request.", registry=registry
)
writes = Counter(
    "contextsys_writes", "Committed changes.", ["level", "operation"], registry=registry
)
resolve_seconds = Histogram(
    "contextsys_resolve_seconds", "Time to answer a request for a resolved context.",
    registry=registry,
)  # fmt: skip


class CacheCollector(Collector):
    """The resolve cache keeps its own counts; they are read when someone asks."""

    def collect(self) -> Iterator[Metric]:
        counts = cache.counts
        yield CounterMetricFamily(
            "contextsys_cache_hits", "Reads the resolve cache answered.", counts.hits
        )
        yield CounterMetricFamily(
            "contextsys_cache_misses", "Reads it could not answer.", counts.misses
        )


registry.register(CacheCollector())


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Counts an answered request; `route` is the name of its address, never a path."""
    method = method if method in METHODS else "other"
    requests.labels(method, route, str(status)).inc()
    request_seconds.observe(seconds)
    if route.endswith(RESOLVED_ROUTE):
        resolve_seconds.observe(seconds)


def count_writes(sender: Any, changes: list[Change], **_: Any) -> None:
    """Receives `context_changed`: what is rolled back is not counted."""
    made = [(change.level, change.operation) for change in changes]
    # No partial: Django 5.2 asks a robust callback that raised for its name, which it has none.
    transaction.on_commit(lambda: _count(made), robust=True)


def _count(made: Iterable[tuple[str, str]]) -> None:
    for level, operation in made:
        writes.labels(level, operation).inc()


def add_sync(told: CollectorRegistry, organization_id: str) -> None:
    """Adds how this node stands with its hub, when it has one."""
    sync, journal = sync_health(), journal_health()
    if sync["status"] == "disabled":
        return
    for name, words, value in (
        ("journal_pending", "Changes that wait for the hub.", journal["pending"]),
        ("journal_dead", "Changes that the hub refused.", journal["dead"]),
        (
            "journal_oldest_pending_seconds",
            "How long the oldest pending change waits for the hub.",
            journal["oldest_pending_seconds"],
        ),
        ("hub_answers", "1 when the hub answers and takes this node.", sync["hub"] == "answers"),
    ):
        gauge = Gauge(f"contextsys_{name}", words, ["organization"], registry=told)
        gauge.labels(organization_id).set(value)


class PlainText(BaseRenderer):
    media_type = "text/plain"
    format = "txt"


class AlwaysPlain(BaseContentNegotiation):
    """There is one format: scrapers ask for several that they would rather have."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


@extend_schema(exclude=True)
class MetricsView(APIView):
    """`/metrics`. Of feeds and sync the caller's organization's, all for instance admins."""

    renderer_classes = [PlainText]
    content_negotiation_class = AlwaysPlain

    def get(self, request: Request) -> HttpResponse:
        caller = cast(Caller, request.user)
        everywhere = caller.is_instance_admin
        feeds = Feed.objects.all() if everywhere else owned(caller.organization_id, Feed)
        heads = CollectorRegistry()
        head = Gauge(
            "contextsys_feed_head",
            "Number of the newest change of an organization.",
            ["organization"],
            registry=heads,
        )
        for feed in feeds.order_by("organization_id"):
            head.labels(feed.organization_id).set(feed.head)
        organization_id: str = settings.CONTEXTSYS_ORGANIZATION
        if everywhere or caller.organization_id == organization_id:
            add_sync(heads, organization_id)
        return HttpResponse(
            generate_latest(registry) + generate_latest(heads), content_type=CONTENT_TYPE_LATEST
        )
