"""Three versions of a context made one: `conflicts` on writable fields, the parent beside them.

Versions are documents as the change log keeps them, with the parent's id under `parent_field`;
None is a deleted context, or one that never was. Pure.
"""

from syncing.conflicts import Document, Merge, made_from, merge_three_way

WHOLE = ("",)


def fields_of(parent_field: str, version: Document | None) -> Document | None:
    """The writable fields of a version."""
    if version is None:
        return None
    return {name: value for name, value in version.items() if name != parent_field}


def reconcile(
    parent_field: str, base: Document | None, ours: Document | None, theirs: Document | None
) -> Merge:
    """`merge_three_way` of versions. A context stays where the hub has it."""
    mine, other = fields_of(parent_field, ours), fields_of(parent_field, theirs)
    origin = fields_of(parent_field, base)
    if mine is not None and other is not None:
        origin = made_from(origin, mine, other)
    merge = merge_three_way(origin, mine, other)
    place = ours if ours is not None else theirs
    if merge.document is None or place is None or parent_field not in place:
        return merge
    paths = merge.paths
    if ours is not None and theirs is not None and ours[parent_field] != theirs[parent_field]:
        paths = tuple(sorted({*paths, f"/{parent_field}"}))
    return Merge({parent_field: place[parent_field], **merge.document}, paths)
