"""Django's SQLite backend, for connections that are kept between requests.

One that is kept goes on with its file when that is moved, deleted or replaced: what it wrote then
would be gone. So it is given up as soon as another file, or none, is in the place.
"""

import os
from typing import Any

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Looks whether its file is still there whenever Django looks whether to keep it."""

    _opened: tuple[int, int] | None = None

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        self._opened = self._file()
        return connection

    def close_if_unusable_or_obsolete(self) -> None:
        kept = self.connection is not None and not self.in_atomic_block
        if kept and self._file() != self._opened:
            self.close()
        super().close_if_unusable_or_obsolete()

    def _file(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.settings_dict["NAME"])
        except OSError:
            return None
        return found.st_dev, found.st_ino
