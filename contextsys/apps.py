"""The composing app: its system checks, and metrics fed by the domain's signal."""

from django.apps import AppConfig
from django.core.checks import Tags, register


class ContextsysConfig(AppConfig):
    name = "contextsys"

    def ready(self) -> None:
        # These import models, which are there from now on only.
        from contexts.changes import context_changed  # noqa: PLC0415
        from contextsys import checks, metrics  # noqa: PLC0415

        register(checks.check_configuration, Tags.security)
        context_changed.connect(metrics.count_writes, dispatch_uid="contextsys.metrics")
