"""What other apps add to the pages here: they know this app, and it does not know them."""

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.safestring import SafeString

# Models in the order in which a section lists them, with a better name where there is one.
Section = dict[str, str | None]


@dataclass(frozen=True)
class Figure:
    """A number of the first page with its name and the list that it counts."""

    kind: str
    name: str
    count: int
    url: str


@dataclass(frozen=True)
class Notice:
    """What a human should know of a context, and the page that tells more.

    `waits`: it is for a human to decide.
    """

    text: str
    link: str
    url: str
    waits: bool = False


# Sections of the list of models, by their titles.
sections: dict[str, Section] = {}
# For the first page, as far as the human of the request may see.
figures: list[Callable[[HttpRequest], list[Figure]]] = []
panels: list[Callable[[HttpRequest], list[SafeString]]] = []
# How many decisions wait in an organization.
waiting: list[Callable[[str], int]] = []
# For the pages of one context, by its level's name, organization and id.
notices: list[Callable[[str, str, str], list[Notice]]] = []


def notices_of(level: str, organization_id: str, context_id: str) -> list[Notice]:
    """All that is to be known of a context; whoever asks has looked that the human may see it."""
    return [notice for each in notices for notice in each(level, organization_id, context_id)]
