"""The addresses of sync and conflicts, below `/api/v1/`."""

from django.urls import path

from syncing import schema, views

schema.document()

urlpatterns = [
    path("sync/status/", views.StatusView.as_view(), name="sync-status"),
    path("sync/changes/", views.ChangesView.as_view(), name="sync-changes"),
    path("sync/snapshot/", views.SnapshotView.as_view(), name="sync-snapshot"),
    path("sync/push/", views.PushView.as_view(), name="sync-push"),
    path("conflicts/", views.ConflictsView.as_view(), name="conflicts"),
    path(
        "conflicts/<uuid:conflict_id>/resolve/",
        views.ResolveView.as_view(),
        name="conflict-resolve",
    ),
]
