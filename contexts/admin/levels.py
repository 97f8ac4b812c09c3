"""The ground of a level's admin: its row of `LEVELS`, its rows, and who may touch them."""

from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.http import Http404, HttpRequest

from contexts.access import Caller
from contexts.admin import addresses
from contexts.admin.tenancy import TenantAdmin, tenancy
from contexts.errors import NotFound
from contexts.levels import GLOBAL, LEVELS, Level
from contexts.models import Context, Role

LEVEL_OF: dict[type[Model], Level] = {level.model: level for level in LEVELS.values()}


class LevelAdmin(TenantAdmin):
    """An admin of one of the four context tables."""

    add_role = Role.WRITER
    change_role = Role.WRITER

    def __init__(self, model: type[Model], admin_site: AdminSite) -> None:
        super().__init__(model, admin_site)
        self.level = LEVEL_OF[model]
        self.delete_role = self.level.deleted_by

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A new organization is a new tenant: only the instance's own admins make one.
        if self.level.parent is None:
            return tenancy(request).everywhere
        return super().has_add_permission(request)

    def caller(self, request: HttpRequest, organization_id: str) -> Caller:
        """The human as an author there. Raises 404 for a stranger."""
        try:
            return tenancy(request).caller(organization_id)
        except NotFound:
            raise Http404 from None

    def find(self, request: HttpRequest, **key: Any) -> Context | None:
        """A context that the human may see, with all its ancestors loaded."""
        rows = self.get_queryset(request)
        if self.level.parent is not None:
            rows = rows.select_related(self.level.path_to(GLOBAL))
        row: Context | None = rows.filter(**key).first()
        return row

    def at_key(self, object_id: str) -> dict[str, Any]:
        """The key of the row that an address names; one that no row has for nonsense."""
        key = addresses.row_key(object_id)
        return {"row_id": -1 if key is None else key}
