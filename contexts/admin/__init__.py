"""The admin. Roles decide who sees what (`tenancy`), services write (`editing`, `deleting`)."""

from django.contrib.auth import get_user_model

from contexts.admin.agents import AgentAdmin
from contexts.admin.contexts import ContextAdmin
from contexts.admin.delegations import DelegationAdmin
from contexts.admin.levels import LEVEL_OF
from contexts.admin.log import ChangeAdmin, EntryAdmin
from contexts.admin.members import MembershipAdmin
from contexts.admin.site import site
from contexts.admin.users import UserAdmin
from contexts.models import Agent, Change, Delegation, Entry, Membership

site.register(LEVEL_OF, ContextAdmin)
site.register(Change, ChangeAdmin)
site.register(Entry, EntryAdmin)
site.register(Delegation, DelegationAdmin)
site.register(Agent, AgentAdmin)
site.register(Membership, MembershipAdmin)
site.register(get_user_model(), UserAdmin)

__all__ = ["site"]
