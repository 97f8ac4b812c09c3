"""Session transcripts of coding agents into task contexts.

`lines` reads files, `calls` and `sessions` know what is kept of them, `importing` writes.
"""

from contexts.transcripts.calls import entry_id_of
from contexts.transcripts.importing import Import, Summary
from contexts.transcripts.lines import find_files

__all__ = ["Import", "Summary", "entry_id_of", "find_files"]
