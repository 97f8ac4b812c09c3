"""The admin of sync: conflicts to settle, the journal, the hub above and the nodes below."""

from contexts.admin import site
from syncing.admin import additions
from syncing.admin.conflicts import ConflictAdmin
from syncing.admin.hub import LinkAdmin
from syncing.admin.journal import JournalAdmin
from syncing.admin.nodes import PeerAdmin
from syncing.models import Conflict, JournalEntry, Link, Peer

site.register(Conflict, ConflictAdmin)
site.register(JournalEntry, JournalAdmin)
site.register(Link, LinkAdmin)
site.register(Peer, PeerAdmin)
additions.install()
