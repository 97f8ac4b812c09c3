from django.apps import AppConfig


class ContextsConfig(AppConfig):
    """The domain: contexts on four levels, their change log, REST and admin."""

    name = "contexts"
    default_auto_field = "django.db.models.BigAutoField"
