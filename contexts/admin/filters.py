"""The filters beside a list: by organization, by ancestor, by a task's status and progress."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from contexts import entries
from contexts.admin.addresses import row_key
from contexts.admin.lists import every
from contexts.admin.tenancy import tenancy
from contexts.levels import GLOBAL, LEVELS, Level
from contexts.models import Delegation, GlobalContext

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

Choices = list[tuple[str, str]]
MOST_CHOICES = 15
NEWEST_LOOKED_AT = 1_000


class Filter(admin.SimpleListFilter):
    """A filter whose value a database can look for."""

    def value(self) -> str | None:
        chosen = super().value()
        return None if chosen is None else chosen.replace("\0", "")


class OrganizationFilter(Filter):
    """The organizations that the human may see; no filter where there is one."""

    title = "organization"
    parameter_name = "organization"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        rows = tenancy(request).limited(GlobalContext.objects.order_by("context_id"))
        return [(each, each) for each in rows.values_list("context_id", flat=True)[:100]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(organization_id=self.value()) if self.value() else queryset

    def has_output(self) -> bool:
        return len(self.lookup_choices) > 1 or self.value() is not None


class AncestorFilter(Filter):
    """The newest contexts above, and the one that a link has chosen."""

    level: Level
    ancestor: Level

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        rows = tenancy(request).limited(every(self.ancestor))
        # By row number: no list of all rows by time has to be made for a few of them.
        newest = rows.order_by("-row_id").values_list("row_id", "context_id")
        choices = [(str(key), name) for key, name in newest[:MOST_CHOICES]]
        chosen = self.value() or ""
        if (key := row_key(chosen)) is not None and chosen not in dict(choices):
            named = rows.filter(row_id=key).values_list("context_id", flat=True).first()
            choices.append((chosen, named or "unknown"))
        return choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if not chosen:
            return queryset
        key = row_key(chosen)
        if key is None:
            return queryset.none()
        return queryset.filter(**{self.level.path_to(self.ancestor): key})


def ancestor_filters(level: Level) -> list[type[AncestorFilter]]:
    """One filter for each level above, from the project down; organizations have their own."""
    above = [each for each in list(level.chain())[1:] if each is not GLOBAL]
    return [
        type(
            f"{each.name.capitalize()}Filter",
            (AncestorFilter,),
            {
                "title": each.name,
                "parameter_name": each.name,
                "level": level,
                "ancestor": each,
            },
        )
        for each in reversed(above)
    ]


class StatusFilter(Filter):
    """`data.status`, with the values that the newest contexts have."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        rows = model_admin.get_queryset(request).order_by("-row_id")
        found: Iterable[Any] = rows.values_list("data__status", flat=True)[:NEWEST_LOOKED_AT]
        names = {each for each in found if isinstance(each, str)}
        if self.value():
            names.add(str(self.value()))
        return [(name, name) for name in sorted(names)[:MOST_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(data__status=self.value()) if self.value() else queryset

    def has_output(self) -> bool:
        return bool(self.lookup_choices)


class ChoiceFilter(Filter):
    """A column with a fixed set of words; Django's own would look for them in all rows."""

    words: tuple[str, ...]

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        return [(word, word.capitalize()) for word in self.words]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(**{str(self.parameter_name): chosen}) if chosen else queryset


class CategoryFilter(ChoiceFilter):
    title = parameter_name = "category"
    words = entries.CATEGORIES


class ImportanceFilter(ChoiceFilter):
    title = parameter_name = "importance"
    words = entries.IMPORTANCES


class LevelFilter(ChoiceFilter):
    title = parameter_name = "level"
    words = tuple(LEVELS)


class DelegationStatusFilter(ChoiceFilter):
    title = parameter_name = "status"
    words = tuple(Delegation.Status.values)


class ProgressFilter(Filter):
    title = "progress"
    parameter_name = "progress"
    ranges = {"none": (0, 0), "begun": (1, 49), "half": (50, 99), "done": (100, 100)}

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        return [("none", "0%"), ("begun", "1 to 49%"), ("half", "50 to 99%"), ("done", "100%")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.ranges.get(self.value() or "")
        return queryset.filter(progress__range=chosen) if chosen else queryset


class TimeFilter(admin.DateFieldListFilter):
    """Django's, under a word that tells what the column's name does not."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.title = "time"


class AgentStateFilter(Filter):
    title = "key"
    parameter_name = "key"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> Choices:
        return [("active", "Active"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("active", "revoked"):
            return queryset
        return queryset.filter(revoked_at__isnull=self.value() == "active")
