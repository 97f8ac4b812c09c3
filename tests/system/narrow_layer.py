"""The settings of a server whose channels in memory hold one message: most hints get lost."""

from contextsys.settings import *  # noqa: F403

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels.layers.InMemoryChannelLayer",
        "CONFIG": {"capacity": 1},
    }
}
