"""Tool calls of coding agents as actions: which `action_type`, and its `action_data`.

The one mapping for hook events and transcripts (`facts/coding-agent-events.md`). Whatever the
shapes are, it gives an action: at worst a `tool`, kept as it came.
"""

import json
import re
from typing import Any

from contexts.documents import Document

OTHER = "tool"
_EXIT_CODE = re.compile(r"\A(?:Error: )?Exit code (-?\d{1,10})(?:\n|\Z)")
# What a tool says about what it found, or that it is not all.
_ABOUT = re.compile(
    r"(?:No (?:files|matches) found|Found \d+ (?:files?|matches|lines|total occurrences)"
    r"|\(Results are truncated|\[Showing results with ).*"
)
_COUNTED = re.compile(r"(.+):(\d{1,9})")
_LINKS = re.compile(r"^Links: (\[.*\])$", re.MULTILINE)
_CREATED = "File created successfully"
_EDITS = frozenset(("Edit", "MultiEdit", "Write", "NotebookEdit"))
_SEARCHES = {"Grep": "pattern", "Glob": "pattern", "WebSearch": "query", "WebFetch": "url"}


def action_of(
    tool: str,
    arguments: Any,
    response: Any = None,
    *,
    error: str | None = None,
    ran: bool = True,
    duration_ms: Any = None,
    cwd: str = "",
) -> tuple[str, Document]:
    """`action_type` and `action_data` of a tool call.

    `response` is the tool's answer (an object, a text, or text blocks), `error` what it said when
    it failed. `ran` is False while there is no answer: such an edit has changed nothing yet.
    """
    given = arguments if isinstance(arguments, dict) else {}
    if tool == "Bash" and isinstance(given.get("command"), str):
        data = _command(given, response, error, ran)
        if cwd:
            data["cwd"] = cwd
        if duration_ms is not None:
            data["duration_ms"] = duration_ms
        return "command", data
    if tool in _EDITS and error is None and ran:
        edited = _edit(tool, given, response)
        if edited is not None:
            return "file_edit", edited
    if tool in _SEARCHES and isinstance(given.get(_SEARCHES[tool]), str):
        return "search", _search(tool, given, response if error is None else None)
    data = {"tool": tool, "input": arguments}
    if error is not None:
        data["error"] = error
    elif ran:
        data["result"] = response
    return OTHER, data


def text_of(response: Any) -> str:
    """An answer that is a text, or blocks of text; "" for any other."""
    if isinstance(response, str):
        return response
    if isinstance(response, list):
        texts = (block.get("text") for block in response if isinstance(block, dict))
        return "\n".join(text for text in texts if isinstance(text, str))
    return ""


def _command(given: Document, response: Any, error: str | None, ran: bool) -> Document:
    data: Document = {"command": given["command"], "exit_code": None, "output": ""}
    if error is not None:
        match = _EXIT_CODE.match(error[:100])
        data["exit_code"] = int(match[1]) if match else None
        data["output"] = error[match.end() :] if match else error
        return data
    answer = response if isinstance(response, dict) else {}
    told = [answer.get("stdout"), answer.get("stderr")]
    data["output"] = "\n".join(part for part in told if isinstance(part, str) and part)
    data["output"] = data["output"] or text_of(response)
    # An answer without an error is an exit with 0, unless the command was not waited for, or
    # its other code has a meaning of its own (`grep` found nothing).
    unfinished = (
        given.get("run_in_background") is True
        or answer.get("interrupted") is True
        or answer.get("backgroundTaskId")
        or answer.get("returnCodeInterpretation")
    )
    if ran and not unfinished:
        data["exit_code"] = 0
    if isinstance(answer.get("gitOperation"), dict):
        data["git_operation"] = answer["gitOperation"]
    return data


def _edit(tool: str, given: Document, response: Any) -> Document | None:
    answer = response if isinstance(response, dict) else {}
    path = given.get("notebook_path" if tool == "NotebookEdit" else "file_path")
    path = path if isinstance(path, str) and path else answer.get("filePath")
    if not isinstance(path, str) or not path:
        return None
    data: Document = {"file_paths": [path], "tool": tool}
    patch = answer.get("structuredPatch")
    if isinstance(patch, list) and patch:
        data["structured_patch"] = patch
    if tool == "Write":
        data["content"] = given.get("content")
        # A text is all that some tell of their answer.
        created = answer.get("type") == "create" or text_of(response).startswith(_CREATED)
        data["status"] = "added" if created else "modified"
    elif tool == "NotebookEdit":
        data["content"] = given.get("new_source")
        data["status"] = "modified"
        # The cell is not the file's text; some tell that too.
        both = answer.get("original_file"), answer.get("updated_file")
        if all(isinstance(text, str) for text in both):
            data["original_content"], data["content"] = both
    else:
        edits = given.get("edits") if tool == "MultiEdit" else [given]
        names = ("old_string", "new_string", "replace_all")
        data["edits"] = [
            {name: edit[name] for name in names if name in edit}
            for edit in (edits if isinstance(edits, list) else [])
            if isinstance(edit, dict)
        ]
    if "originalFile" in answer:
        data["original_content"] = answer["originalFile"]
    return data


def _search(tool: str, given: Document, response: Any) -> Document:
    data: Document = {"query": given[_SEARCHES[tool]], "tool": tool}
    if isinstance(response, dict):
        data |= _web(response) if tool.startswith("Web") else _found(response)
    elif response is not None:
        text = text_of(response)
        data |= _web(_links(text)) if tool.startswith("Web") else _listed(text, given)
    return data


def _listed(text: str, given: Document) -> Document:
    """Grep and Glob where a text is all they answer."""
    shown = [line for line in text.splitlines() if line.strip() not in ("", "--")]
    lines = [line for line in shown if not _ABOUT.fullmatch(line)]
    if given.get("output_mode") == "count":
        counts = [match for line in lines if (match := _COUNTED.fullmatch(line))]
        return {
            "files": [match[1] for match in counts],
            "count": sum(int(match[2]) for match in counts),
        }
    return {"results" if given.get("output_mode") == "content" else "files": lines}


def _links(text: str) -> Document:
    """The results that the text of a web search lists; {} where it lists none."""
    found: list[Any] = []
    for match in _LINKS.finditer(text):
        try:
            found += json.loads(match[1])
        except (ValueError, RecursionError):
            continue
    return {"results": found} if found else {}


def _found(answer: Document) -> Document:
    """Grep and Glob: files, lines, or a count for every file."""
    data: Document = {}
    if isinstance(answer.get("filenames"), list):
        data["files"] = answer["filenames"]
    content, mode = answer.get("content"), answer.get("mode")
    if isinstance(content, str) and content:
        data["results"] = content
    counts = {"content": ("numLines",), "count": ("numMatches",)}.get(str(mode), ())
    for name in (*counts, "numFiles"):
        if isinstance(answer.get(name), int):
            data["count"] = answer[name]
            break
    return data


def _web(answer: Document) -> Document:
    results = answer.get("results")
    if isinstance(results, list):
        links = [
            link
            for each in results
            if isinstance(each, dict)
            for link in (each["content"] if isinstance(each.get("content"), list) else [each])
            if isinstance(link, dict) and isinstance(link.get("url"), str)
        ]
        return {"count": len(links), "results": links}
    code = answer.get("code")
    return {"count": int(code < 400)} if isinstance(code, int) else {}
