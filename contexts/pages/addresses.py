"""Where the pages are."""

from django.urls import reverse


def context(level_name: str, context_id: str) -> str:
    """The page of a context, or of what is left of it."""
    return reverse("context", args=[level_name, context_id])


def key(level_name: str, context_id: str) -> str:
    """The name of a context within a page."""
    return f"{level_name}/{context_id}"
