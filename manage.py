#!/usr/bin/env python
"""The command line of a contextsys instance; `manage.py help` lists the commands."""

import os
import signal
import sys

if sys.argv[1:2] == ["serve"]:
    # Until the server listens to signals itself, one simply ends it: a start that is broken off
    # anywhere is made good by the next.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contextsys.settings")
    try:
        settings.DEBUG  # noqa: B018 (reads the settings, and with them the environment)
    except ImproperlyConfigured as error:
        sys.exit(f"contextsys: {error}")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
