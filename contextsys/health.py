"""`health/` and `health/live` (CONTRACT §2)."""

import logging
import threading
from typing import Any

from django.db import InterfaceError, OperationalError, connections
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from contexts import cache
from contexts.models import Feed
from contexts.views.errors import json_answer
from contexts.views.schema import answers
from syncing.status import journal_health, sync_health

logger = logging.getLogger("contextsys.health")
# A database may also hang: a connection that is not refused can take minutes to fail.
PROBE_SECONDS = 3.0


class Probe:
    """Asks the database whether it answers, from a thread, so that no asker waits for long.

    While an answer is outstanding, further askers wait for the same one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: _Question | None = None

    def answers(self, seconds: float = PROBE_SECONDS) -> bool:
        """Whether the database answers within `seconds`."""
        with self._lock:
            if self._running is None or self._running.done.is_set():
                self._running = _Question()
                self._running.start()
            question = self._running
        return question.done.wait(seconds) and question.answered


class _Question(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="health-probe", daemon=True)
        self.done = threading.Event()
        self.answered = False

    def run(self) -> None:
        try:
            # A table of ours: an empty database answers too, but not what it should.
            Feed.objects.exists()
            self.answered = True
        except Exception as error:
            logger.warning("the database does not answer (%s)", type(error).__name__)
        finally:
            connections.close_all()
            self.done.set()


probe = Probe()


def _part(
    name: str, **fields: serializers.Field[Any, Any, Any, Any]
) -> serializers.Serializer[Any]:
    return inline_serializer(name, {"status": serializers.CharField(), **fields})


HEALTH = inline_serializer(
    "Health",
    {
        "status": serializers.ChoiceField(["healthy", "degraded", "unavailable"]),
        "database": _part("DatabaseHealth"),
        "sync": _part(
            "SyncHealth",
            pending_syncs=serializers.IntegerField(),
            last_sync=serializers.DateTimeField(allow_null=True),
            hub=serializers.ChoiceField(["answers", "away", "refuses"], required=False),
            error=serializers.CharField(required=False),
        ),
        "cache": _part("CacheHealth", hit_rate=serializers.FloatField(min_value=0, max_value=1)),
        "journal": _part(
            "JournalHealth",
            pending=serializers.IntegerField(),
            dead=serializers.IntegerField(),
            oldest_pending_seconds=serializers.FloatField(),
        ),
    },
)
UNAVAILABLE = inline_serializer(
    "HealthUnavailable",
    {
        "status": serializers.CharField(),
        **{
            name: _part(f"{name.title()}Unknown")
            for name in ("database", "sync", "cache", "journal")
        },
    },
)
LIVE = inline_serializer("Live", {"status": serializers.CharField()})


class HealthView(APIView):
    """How the instance is. Without its database nobody can be recognized: then only that."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not probe.answers():
            raise OperationalError
        super().initial(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, OperationalError | InterfaceError):
            unknown = {"status": "unknown"}
            body = {"sync": unknown, "cache": {"status": cache.status()}, "journal": unknown}
            away = {"status": "unavailable"}
            return json_answer({**away, "database": away, **body}, status=503)
        return super().handle_exception(exc)

    @extend_schema(
        operation_id="health",
        summary="How the instance is",
        responses=answers({200: HEALTH, 503: UNAVAILABLE}, (401, 403, 406)),
    )
    def get(self, request: Request) -> HttpResponse:
        sync, journal = sync_health(), journal_health()
        degraded = "degraded" in (sync["status"], journal["status"])
        return json_answer(
            {
                "status": "degraded" if degraded else "healthy",
                "database": {"status": "healthy"},
                "sync": sync,
                "cache": {"status": cache.status(), "hit_rate": cache.counts.hit_rate},
                "journal": journal,
            }
        )


class LiveView(APIView):
    """That the process answers; it asks nothing else."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="health_live",
        summary="Whether the process answers",
        auth=[],
        responses={200: LIVE},
    )
    def get(self, request: Request) -> HttpResponse:
        return json_answer({"status": "live"})
