"""Django's SQLite backend, for connections that are kept between requests and threads that write.

One that is kept goes on with its file when that is moved, deleted or replaced: what it wrote then
would be gone. So it is given up as soon as another file, or none, is in the place.

Threads take turns (`turns`), each from the beginning of a transaction to its end.
"""

import os
import threading
from typing import Any

from django.db.backends.sqlite3 import base

from contextsys.sqlite3.turns import turns


class DatabaseWrapper(base.DatabaseWrapper):
    """Looks whether its file is still there whenever Django looks whether to keep it."""

    _opened: tuple[int, int] | None = None
    _turn: "threading.Lock | None" = None

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        self._opened = self._file()
        return connection

    def close_if_unusable_or_obsolete(self) -> None:
        kept = self.connection is not None and not self.in_atomic_block
        if kept and self._file() != self._opened:
            self.close()
        super().close_if_unusable_or_obsolete()

    def _start_transaction_under_autocommit(self) -> None:
        if self._turn is None:
            self._turn = turns.take(str(self.settings_dict["NAME"]))
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.release()

    def _file(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.settings_dict["NAME"])
        except OSError:
            return None
        return found.st_dev, found.st_ino
