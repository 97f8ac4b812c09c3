from django.apps import AppConfig


class SyncingConfig(AppConfig):
    """The node: what connects this instance with its hub."""

    name = "syncing"
    verbose_name = "Sync"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These import models, which are there from now on only.
        from contexts import compaction, upstream  # noqa: PLC0415
        from contexts.changes import context_changed  # noqa: PLC0415
        from syncing import freshness, journal, peers, receivers  # noqa: PLC0415

        context_changed.connect(receivers.take_note, dispatch_uid="syncing.receivers")
        upstream.install(freshness.Hub())
        for hold in (journal.first_needed, peers.read_by_all):
            if hold not in compaction.holds:
                compaction.holds.append(hold)
        if journal.refused not in compaction.keeps:
            compaction.keeps.append(journal.refused)
