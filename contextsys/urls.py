"""All addresses: pages and admin, metrics, health, and the API of `contexts`."""

from django.urls import include, path, re_path

from contexts.admin import site as admin
from contexts.views.feed import NothingHere
from contextsys.health import HealthView, LiveView
from contextsys.metrics import MetricsView

urlpatterns = [
    path("api/v1/health/live", LiveView.as_view(), name="health-live"),
    path("api/v1/health/", HealthView.as_view(), name="health"),
    # Agents ask these most, and Django tries one address after the other.
    path("api/v1/", include("contexts.urls")),
    path("api/v1/", include("syncing.urls")),
    # Whatever else it is, a line feed too.
    re_path(r"^api/v1/(?P<rest>(?s:.*))$", NothingHere.as_view()),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("admin/", admin.urls),
    path("", include("contexts.pages.urls")),
]

handler400 = "contexts.views.errors.bad_request"
handler404 = "contexts.views.errors.not_found"
handler500 = "contexts.views.errors.server_error"
