"""All addresses: pages and admin, metrics, health, and the API of `contexts`."""

from django.urls import include, path

from contexts.admin import site as admin
from contextsys.health import HealthView, LiveView
from contextsys.metrics import MetricsView

urlpatterns = [
    path("admin/", admin.urls),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("api/v1/health/", HealthView.as_view(), name="health"),
    path("api/v1/health/live", LiveView.as_view(), name="health-live"),
    path("api/v1/", include("syncing.urls")),
    path("api/v1/", include("contexts.urls")),
    path("", include("contexts.pages.urls")),
]

handler400 = "contexts.views.errors.bad_request"
handler404 = "contexts.views.errors.not_found"
handler500 = "contexts.views.errors.server_error"
