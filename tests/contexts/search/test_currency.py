"""What changes is found as it is now."""

from functools import partial

from django.db import transaction

from contexts import merging, services
from contexts.access import Caller
from contexts.levels import BRANCH, PROJECT, TASK
from tests.contexts.search.finding import find, make, replace


def test_an_update_forgets_the_old_words(owner: Caller) -> None:
    make(owner, "t1", {"text": "alpha shared", "n": 1})
    replace(owner, "t1", {"text": "beta shared", "n": 2})
    assert find("alpha") == []
    assert find("beta shared") == ["t1"]
    replace(owner, "t1", {"text": "alpha"})
    assert find("alpha") == ["t1"]
    assert find("shared") == find("beta") == []


def test_a_rename_and_a_change_of_other_fields_are_followed(owner: Caller) -> None:
    make(owner, "t1", {"text": "alpha"})
    services.update(owner, TASK, "t1", lambda values: {**values, "progress": 50})
    assert find("alpha") == ["t1"]
    for name in ("first name", "second name"):
        values = {"git_branch_name": name}
        services.update(owner, BRANCH, "b1", partial(merging.deep_merge, over=values))
    assert find("second", level=BRANCH) == ["b1"]
    assert find("first", level=BRANCH) == []


def test_a_deletion_forgets_everything(owner: Caller) -> None:
    make(owner, "t1", {"text": "alpha"})
    services.delete(owner, PROJECT, "p1", cascade=True)
    assert find("alpha") == []
    make(owner, "t1", {"text": "beta"})
    assert find("alpha") == []
    assert find("beta") == ["t1"]


def test_what_is_rolled_back_is_not_found(owner: Caller) -> None:
    make(owner, "t1", {"text": "alpha"})
    with transaction.atomic():
        replace(owner, "t1", {"text": "beta"})
        assert find("beta") == ["t1"]
        transaction.set_rollback(True)
    assert find("beta") == []
    assert find("alpha") == ["t1"]
