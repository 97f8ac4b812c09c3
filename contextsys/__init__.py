"""Composes the apps: settings, addresses, the server, health and metrics."""

from contextsys.celery import app as celery_app

__all__ = ["celery_app"]
