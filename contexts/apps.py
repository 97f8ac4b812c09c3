from django.apps import AppConfig
from django.conf import settings

from contexts.extraction import patterns


class ContextsConfig(AppConfig):
    """The domain: contexts on four levels, their change log, REST and admin."""

    name = "contexts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        patterns.use(settings.CONTEXTSYS_PATTERNS)
