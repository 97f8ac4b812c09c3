"""The addresses of the admin's pages, by what they show."""

from urllib.parse import urlencode

from django.urls import register_converter, reverse
from django.urls.converters import StringConverter

from contexts.levels import CHILD, LEVELS, Level
from contexts.models import Context


class ContextIdConverter(StringConverter):
    """An id as `identifiers` has it; what cannot be one leads nowhere."""

    regex = "[A-Za-z0-9][A-Za-z0-9._:@-]*"


register_converter(ContextIdConverter, "context_id")


def row_key(text: str) -> int | None:
    """The number of a row that an address or a form names; None for what can be no row's."""
    # `isdigit` alone takes "²", which is no number, and no column holds more than 63 bits.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def page(level: Level, name: str, *arguments: object) -> str:
    """A page of a level's admin: `changelist`, `add`, `change`, `delete`, `versions`…"""
    return reverse(f"admin:contexts_{level.model._meta.model_name}_{name}", args=arguments)


def context(level_name: str, organization_id: str, context_id: str) -> str:
    """Where a context is, or was: the address needs no look at its row."""
    return page(LEVELS[level_name], "at", organization_id, context_id)


def children(level: Level, row: Context) -> str:
    """The list of what lies directly below a context."""
    # What the lists below are filtered by is named so in `filters`.
    of_organization = level.parent is None
    key: object = row.context_id if of_organization else row.pk
    name = "organization" if of_organization else level.name
    return f"{page(CHILD[level.name], 'changelist')}?{urlencode({name: key})}"


def listed(model_name: str, **filters: str) -> str:
    """A list of another model, filtered."""
    return f"{reverse(f'admin:contexts_{model_name}_changelist')}?{urlencode(filters)}"
