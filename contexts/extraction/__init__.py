"""What actions tell: from any action's data to the few fields that others read (contract §5).

Pure, one module a kind of action. `EXTRACTORS` is the table; a new kind is a row of it.
"""

import logging
from collections.abc import Callable
from typing import Any

from contexts.documents import Document
from contexts.extraction.commands import command
from contexts.extraction.edits import file_edit
from contexts.extraction.searches import search
from contexts.extraction.test_runs import test_run

logger = logging.getLogger("contextsys.extraction")

EXTRACTORS: dict[str, Callable[[Document], Document]] = {
    "file_edit": file_edit,
    "test_run": test_run,
    "command": command,
    "search": search,
}
# These keep parts of texts: half a secret is no longer known for one, so it goes before the cut.
# A diff loses its line counts when a key of several lines becomes one marker: there it goes after.
_CLEANED_FIRST = frozenset(("test_run", "command", "search"))


def extract(
    action_type: str, data: Document, clean: Callable[[Any], Any] = lambda value: value
) -> Document:
    """What an action's data tells; `{}` for kinds that are not in the table.

    Never raises, whatever the JSON object holds. `clean` takes secrets out of a value.
    """
    extractor = EXTRACTORS.get(action_type)
    if extractor is None:
        return {}
    try:
        if action_type in _CLEANED_FIRST:
            data = clean(data)
        extracted: Document = clean(extractor(data))
        return extracted
    except Exception as error:
        # One odd shape must cost what could be learned from it, never the action. Its text may be
        # anybody's secret: the log gets the kind of error alone.
        logger.warning("nothing extracted from a %s: %s", action_type, type(error).__name__)
        return {}
