"""Where a session's task belongs: its project and branch, made when they are missing."""

from contexts import services
from contexts.changes import Author
from contexts.errors import IdTaken, Invalid
from contexts.levels import BRANCH, PROJECT, TASK, Document, Level
from contexts.naming import branch_id_from, context_id_from
from contexts.transcripts.sessions import LONGEST_TEXT, Session


class Place:
    """A project and a branch as somebody named them; `""` is made from the session."""

    def __init__(self, author: Author, project_id: str = "", branch_id: str = "") -> None:
        self.author = author
        self.project_id, self.branch_id = project_id, branch_id

    def ensure_task(self, session: Session, values: Document) -> None:
        """Makes the session's task of `values`, and its parents, unless it is there."""
        if not self._exists(TASK, session.task_id):
            self._create(TASK, session.task_id, values, self.ensure_branch(session))

    def ensure_branch(self, session: Session) -> str:
        """The id of the session's branch, which is there afterwards.

        Raises `Invalid` when the branch that was named belongs to another project than named.
        """
        organization_id = self.author.organization_id
        git_branch = session.git_branch or "main"
        project_id = self.project_id or context_id_from(
            session.folder, PROJECT.longest_id, "unknown"
        )
        if self.branch_id:
            candidates = [self.branch_id]
        else:
            longest = BRANCH.longest_id
            candidates = [
                branch_id_from(project_id, git_branch, longest, hashed=hashed)
                for hashed in (False, True)
            ]
        for branch_id in candidates:
            row = BRANCH.rows(organization_id, context_id=branch_id).first()
            if row is None:
                break
            # A branch that was named alone brings its own project.
            if (self.branch_id and not self.project_id) or BRANCH.parent_id(row) == project_id:
                return branch_id
        else:
            raise Invalid({"branch": [f"{branch_id} belongs to another project."]})
        if not self._exists(PROJECT, project_id):
            name = session.folder[:LONGEST_TEXT]
            self._create(PROJECT, project_id, {"project_name": name}, organization_id)
        self._create(BRANCH, branch_id, {"git_branch_name": git_branch}, project_id)
        return branch_id

    def _exists(self, level: Level, context_id: str) -> bool:
        return level.rows(self.author.organization_id, context_id=context_id).exists()

    def _create(self, level: Level, context_id: str, values: Document, parent_id: str) -> None:
        parents = {level.parent_field: parent_id}
        try:
            services.create(self.author, level, values, context_id=context_id, parent_ids=parents)
        except IdTaken:
            return  # Someone else made it since we looked.
