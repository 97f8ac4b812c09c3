"""What reads are compared with: a stock DRF viewset over one table with a JSON column.

`python -m daphne tests.benchmarks.stock:application`, on `STOCK_DATABASE_URL`.
"""

from typing import Any

import django
from django.conf import settings
from environs import Env

env = Env()
settings.configure(
    SECRET_KEY="for a benchmark",
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": env.dj_db_url("STOCK_DATABASE_URL", conn_max_age=None)},
    # What `startproject` gives.
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "rest_framework",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    ROOT_URLCONF=__name__,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.urls import include, path  # noqa: E402
from rest_framework import routers, serializers, viewsets  # noqa: E402


class Document(models.Model):
    """A row as a user would have it without inheritance."""

    name = models.CharField(max_length=50, unique=True)
    data = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)

    objects: models.Manager["Document"] = models.Manager()

    class Meta:
        app_label = "stock"

    def __str__(self) -> str:
        return self.name


class DocumentSerializer(serializers.ModelSerializer[Document]):
    class Meta:
        model = Document
        fields = ("id", "name", "data", "updated_at")


class DocumentViewSet(viewsets.ModelViewSet[Document]):
    queryset = Document.objects.all()
    serializer_class = DocumentSerializer
    lookup_field = "name"


router = routers.SimpleRouter()
router.register("documents", DocumentViewSet)
urlpatterns = [path("", include(router.urls))]
application = get_asgi_application()


def make(documents: dict[str, Any]) -> None:
    """The table with these rows."""
    with connection.schema_editor() as editor:
        editor.create_model(Document)
    Document.objects.bulk_create(
        [Document(name=name, data=data) for name, data in documents.items()]
    )


if __name__ == "__main__":
    from tests.benchmarks.documents import document

    make({f"t{number}": document(number) for number in range(1000)})
