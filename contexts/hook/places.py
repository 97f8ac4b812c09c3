"""Project and git branch of a folder, read from git's files."""

import os

from contexts import naming

LONGEST_ID = 36


def place_of(folder: str) -> tuple[str, str]:
    """The project's id and the git branch of a folder; "" for the branch when there is none."""
    found = _git_folder(folder)
    if found is None:
        return _project(os.path.basename(os.path.abspath(folder))), ""
    own, shared = found
    url = _remote(os.path.join(shared, "config"))
    name = url.rstrip("/").removesuffix(".git").replace("\\", "/").replace(":", "/")
    name = name.rsplit("/", 1)[-1]
    if not name:
        # `shop/.git`, or a bare `shop.git` that has worktrees only.
        inside = os.path.basename(shared) == ".git"
        name = os.path.basename(os.path.dirname(shared) if inside else shared)
    head = _read(os.path.join(own, "HEAD")).strip()
    branch = head.removeprefix("ref: refs/heads/") if head.startswith("ref: ") else "detached"
    return _project(name.removesuffix(".git")), branch


def _project(name: str) -> str:
    return naming.context_id_from(name, LONGEST_ID, "unknown")


def _git_folder(folder: str) -> tuple[str, str] | None:
    """Git's folder of a working tree, and the one that all worktrees share."""
    folder = os.path.abspath(folder)
    while True:
        git = os.path.join(folder, ".git")
        if os.path.isdir(git):
            return git, git
        if os.path.isfile(git):
            own = _read(git).partition("gitdir:")[2].strip()
            own = os.path.normpath(os.path.join(folder, own))
            common = _read(os.path.join(own, "commondir")).strip()
            return own, os.path.normpath(os.path.join(own, common)) if common else own
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _remote(config: str) -> str:
    """The address of `origin`, or of the first remote there is."""
    urls: dict[str, str] = {}
    section = ""
    for line in _read(config).splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line.removeprefix('[remote "').removesuffix('"]') if "remote" in line else ""
        name, found, value = line.partition("=")
        if section and found and name.strip().lower() == "url":
            urls.setdefault(section, value.strip().strip('"'))
    return urls.get("origin") or next(iter(urls.values()), "")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(2**20)
    except OSError:
        return ""
