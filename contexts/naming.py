"""Ids made from names of people's own: folders, repositories, git branches. Quick to import."""

import hashlib
import re


def context_id_from(text: str, longest: int, fallback: str) -> str:
    """A valid id that resembles `text` (a path, a branch name); `fallback` when nothing is left."""
    cleaned = re.sub(r"[^A-Za-z0-9._:@-]+", "-", text).strip("-._:@")
    return cleaned[:longest] or fallback


def branch_id_from(project_id: str, git_branch: str, longest: int, hashed: bool = False) -> str:
    """The id of a project's git branch: `shop:main`; a digest at its end where that is too long.

    `hashed` asks for the digest in any case: when the plain id is another project's.
    """
    text = f"{project_id}:{git_branch}"
    branch_id = context_id_from(text, len(text), "main")
    if len(branch_id) <= longest and not hashed:
        return branch_id
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{branch_id[: longest - 9]}-{digest}"
