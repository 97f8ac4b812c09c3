from django.apps import AppConfig


class SyncingConfig(AppConfig):
    """The node: what connects this instance with its hub."""

    name = "syncing"
