"""The Celery application; `celery -A contextsys worker` and `… beat` find it here."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contextsys.settings")

app = Celery("contextsys")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
