"""Ids made from names of people's own: folders, repositories, git branches. Quick to import."""

import hashlib
import re


def context_id_from(text: str, longest: int, fallback: str) -> str:
    """A valid id that resembles `text` (a path, a branch name); `fallback` when nothing is left.

    Letters beyond ASCII cannot stand in an id: a digest keeps apart what differs in them alone.
    """
    cleaned = _cleaned(text)
    if not text.isascii():
        return f"{(cleaned or fallback)[: longest - 9]}-{_digest(text)}"
    return cleaned[:longest] or fallback


def branch_id_from(project_id: str, git_branch: str, longest: int, hashed: bool = False) -> str:
    """The id of a project's git branch: `shop:main`; a digest at its end where that is too long.

    `hashed` asks for the digest in any case: when the plain id is another project's.
    """
    text = f"{project_id}:{git_branch}"
    branch_id = _cleaned(text) or "main"
    if len(branch_id) <= longest and not hashed and text.isascii():
        return branch_id
    return f"{branch_id[: longest - 9]}-{_digest(text)}"


def _cleaned(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._:@-]+", "-", text).strip("-._:@")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
