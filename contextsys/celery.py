"""The Celery application; `celery -A contextsys worker` and `… beat` find it here."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contextsys.settings")

app = Celery("contextsys")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect(dispatch_uid="contextsys.celery")
def keep_our_logging(**_: Any) -> None:
    """Celery sets up logging of its own unless someone listens here; `contextsys.logs` did."""
