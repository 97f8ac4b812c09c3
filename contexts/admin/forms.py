"""The forms of a context: its writable fields, strict JSON where a field holds JSON."""

import json
from typing import Any

from django import forms
from django.http import QueryDict

from contexts import documents
from contexts.admin.rendering import pretty
from contexts.errors import ContextError, MalformedBody
from contexts.levels import LONGEST_NAME, Document, Field, Level


class JSONTextarea(forms.Textarea):
    """Monospace, as tall as its text needs (within reason)."""

    def __init__(self) -> None:
        super().__init__(
            {
                "class": "json-editor",
                "spellcheck": "false",
                "autocomplete": "off",
                "autocapitalize": "off",
                "wrap": "soft",
            }
        )

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        rows = min(max(str(value or "").count("\n") + 2, 5), 32)
        context["widget"]["attrs"]["rows"] = rows
        return context


class JSONText(forms.CharField):
    """JSON as text, held to the same rules as a request's body (`documents.parse`)."""

    def __init__(self, field: Field, **options: Any) -> None:
        super().__init__(widget=JSONTextarea(), required=False, strip=False, **options)
        self.field = field

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        parsed = parse(text) if text.strip() else self.field.default()
        if (complaint := self.field.complaint(parsed)) is not None:
            raise forms.ValidationError(complaint)
        return parsed


def parse(text: str) -> Any:
    """The value of `text`. Raises `ValidationError` that says what is wrong and where."""
    body = text.encode("utf-8", "surrogatepass")
    try:
        value = documents.parse(body)
    except MalformedBody as error:
        raise forms.ValidationError(_position(text) or error.sentence) from None
    json.loads(body, object_pairs_hook=_refuse_duplicates)
    return value


def _position(text: str) -> str | None:
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        line = text.splitlines()[error.lineno - 1 :][:1]
        excerpt = line[0].strip()[:80] if line else ""
        where = f"line {error.lineno}, column {error.colno}"
        return f"This is not JSON: {error.msg} at {where}" + (f": {excerpt}" if excerpt else ".")
    except RecursionError:
        return None
    return None


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    """JSON keeps the last of two equal keys; a human who typed both would lose one unseen."""
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise forms.ValidationError(f'The key "{key}" stands twice in one object.')
        seen.add(key)


def _form_field(field: Field) -> forms.Field:
    if field.kind == "text":
        return forms.CharField(
            required=False, max_length=LONGEST_NAME, strip=False, label=_label(field)
        )
    if field.kind == "percent":
        return forms.IntegerField(min_value=0, max_value=100, label=_label(field))
    return JSONText(field, label=_label(field))


def _label(field: Field) -> str:
    return field.attribute.replace("_", " ").capitalize()


class ContextForm(forms.Form):
    """The writable fields of a level. `revision` is what the human saw when they began."""

    revision = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, level: Level, values: Document, revision: str = "", data: QueryDict | None = None
    ) -> None:
        initial = {**self.shown(level, values), "revision": revision}
        super().__init__(data, initial=initial, label_suffix="")
        self.level = level
        for field in level.fields:
            self.fields[field.name] = _form_field(field)

    @staticmethod
    def shown(level: Level, values: Document) -> Document:
        """`values` as the form's fields take them."""
        return {
            field.name: pretty(values[field.name])
            if field.kind in ("object", "list")
            else values[field.name]
            for field in level.fields
        }

    @property
    def values(self) -> Document:
        """The cleaned writable fields."""
        return {field.name: self.cleaned_data[field.name] for field in self.level.fields}

    def replace(self, values: Document, revision: str) -> None:
        """Puts other texts into a bound form, for the human to look at before saving."""
        self.data = {
            **dict(self.data.items()),
            **self.shown(self.level, values),
            "revision": revision,
        }

    @property
    def seen(self) -> str:
        """The revision that the human saw."""
        seen: str = self.data.get("revision", "")
        return seen

    def acknowledge(self, revision: str) -> None:
        """Lets the next save go over `revision`, which the human has been told of."""
        self.data = {**dict(self.data.items()), "revision": revision}

    def refuse(self, error: ContextError) -> None:
        """Shows a service's refusal at the fields it names, else above the form."""
        complaints = error.details.get("validation_errors") or {"": [error.sentence]}
        aliases = {self.level.parent_field: "parent"}
        for name, sentences in complaints.items():
            field = aliases.get(name, name)
            known = field in self.fields
            for sentence in sentences:
                named = sentence if known or not name else f"{name}: {sentence}"
                self.add_error(field if known else None, named)
