"""Sessions whose lines come in another order, or without their results."""

import json
from pathlib import Path

from contexts.models import Entry, owned
from contexts.transcripts.importing import MOST_EARLY
from tests.contexts.transcripts.sessions import (
    COVERAGE,
    HELLO,
    actions,
    call,
    result,
    run,
    write,
)


def test_the_order_of_the_lines_does_not_matter(organization: str, tmp_path: Path) -> None:
    recorded = COVERAGE.read_text().splitlines()
    told = []
    for session, lines in (("s1", recorded), ("s2", recorded[::-1])):
        named = [json.dumps({**json.loads(line), "sessionId": session}) for line in lines]
        run(write(tmp_path, f"{session}.jsonl", *named))
        ended = owned("global", Entry, kind="progress", context_id=session).get().content
        told.append((ended, [each["details"]["extracted"] for each in actions(context_id=session)]))
    assert told[0] == told[1]


def test_an_answer_that_is_text_alone_tells_what_it_can(organization: str, tmp_path: Path) -> None:
    recorded = [json.loads(line) for line in HELLO.read_text().splitlines()]
    told = []
    for session, without in (("s1", ""), ("s2", "toolUseResult")):
        lines = [
            {name: value for name, value in line.items() if name != without} for line in recorded
        ]
        named = [json.dumps({**line, "sessionId": session}) for line in lines]
        run(write(tmp_path, f"{session}.jsonl", *named))
        told.append([each["details"]["extracted"] for each in actions(context_id=session)])
    assert told[0] == told[1]


def test_results_without_calls_are_forgotten(organization: str, tmp_path: Path) -> None:
    strays = [result(number) for number in range(1, MOST_EARLY + 2)]
    run(write(tmp_path, "s1.jsonl", *strays, call(1), call(2)))
    one, two = actions()
    assert ("result" in one["details"], "result" in two["details"]) == (False, True)
