import gc
import logging
import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import connections
from django.urls import get_resolver, reverse

from contexts.extraction import patterns
from contexts.management.base import PlainCommand
from contexts.models import GlobalContext
from contextsys import first_start
from contextsys.asgi import application
from contextsys.checks import LOOPBACK
from contextsys.embedded import EmbeddedCelery
from contextsys.server import PortUnusable, Server, address_of, url_of

# Where a server that listens everywhere is reached from its own machine.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (only compared with)
JOIN_SECONDS = 1.0
# Threads that extract take turns with those that answer an agent; five times as often as usual.
SWITCH_SECONDS = 0.001


class Command(PlainCommand):
    help = "Prepares the instance (at the first start with credentials) and serves it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
        parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0: a free one")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"].strip("[]"), options["port"]
        if not 0 <= port <= 65535:
            raise CommandError(f"--port is {port}; it must be 0 to 65535.")
        try:
            address_of(host, port)
            self._let_in(host)
            self._prepare()
            _load()
            self._serve(host, port)
        except PortUnusable as error:
            raise CommandError(str(error)) from error
        # A request or task that hangs may not hold up the exit, as its thread otherwise would.
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    def _let_in(self, host: str) -> None:
        """Lets requests in that name the host which is listened on."""
        name = f"[{host}]" if ":" in host else host.lower()
        if settings.DEBUG and name not in LOOPBACK:
            raise CommandError(f"CONTEXTSYS_DEBUG is on: --host {host} would let others see in.")
        if host not in EVERYWHERE:
            settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, name]
        elif set(settings.ALLOWED_HOSTS) <= LOOPBACK:
            self._say(
                "Listening on all addresses: CONTEXTSYS_ALLOWED_HOSTS must name those under "
                "which others reach this server."
            )

    def _prepare(self) -> None:
        try:
            applied, self.credentials = first_start.prepare()
        except OSError as error:
            raise CommandError(
                f"CONTEXTSYS_HOME ({settings.CONTEXTSYS_HOME}) cannot be used: {error.strerror}."
            ) from error
        self._say(f"Database ready, {applied} migrations applied.")
        organization_id = settings.CONTEXTSYS_ORGANIZATION
        if not GlobalContext.objects.filter(context_id=organization_id).exists():
            self._say(
                f"There is no organization {organization_id} (CONTEXTSYS_ORGANIZATION): "
                f"manage.py create_organization {organization_id} makes it."
            )
        # Requests have connections of their own; this one would only be kept open.
        connections.close_all()

    def _serve(self, host: str, port: int) -> None:
        celery = EmbeddedCelery() if settings.CONTEXTSYS_EMBEDDED_CELERY else None

        def ready(real_port: int) -> None:
            if celery is not None:
                sys.setswitchinterval(SWITCH_SECONDS)
                celery.start()
            self._introduce(EVERYWHERE.get(host, host), real_port)
            self._say(f"Serving on {url_of(host, real_port)}")

        def ending() -> None:
            if celery is not None:
                celery.stop()

        Server(application, host, port, when_ready=ready, when_ending=ending).run()
        if celery is not None:
            celery.join(JOIN_SECONDS)

    def _introduce(self, host: str, port: int) -> None:
        """What a first start made, this once, and where to go with it."""
        if not self.credentials:
            return
        url = url_of(host, port).rstrip("/")
        kept = settings.CONTEXTSYS_HOME / first_start.CREDENTIALS
        self._say(f"First start. These are shown once, and kept in {kept}:")
        for name, value in self.credentials.items():
            self._say(f"  {name:<16}{value}")
        for name, address in (
            ("Web page", reverse("home")),
            ("Admin", reverse("admin:index")),
            ("API", reverse("health").removesuffix("health/")),
            ("API docs", reverse("docs")),
        ):
            self._say(f"  {name:<16}{url}{address}")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _load() -> None:
    """Imports all views and reads the pattern rules before the first request, whose agent would
    wait for that, and spares the collector what stays for good.
    """
    get_resolver().url_patterns  # noqa: B018
    patterns.in_use()
    gc.collect()
    gc.freeze()
