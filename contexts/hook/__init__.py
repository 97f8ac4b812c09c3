"""`python -m contexts.hook`: a coding agent's command hook. Standard library only, no Django.

Reads one event from standard input and posts it; what the server cannot be given now waits in a
spool file and goes first next time. It never fails the agent: it ends with 0, and prints nothing
but an answer that the agent may act on.

Environment: `CONTEXTSYS_URL` (default `http://127.0.0.1:8000`), `CONTEXTSYS_KEY`, and for the
spool `XDG_STATE_HOME` (default `~/.local/state`). `--project` and `--branch` name what is
otherwise found from git: the remote's name and the branch; worktrees share a project.
"""
