"""What stands before the words of a Markdown file, between two lines of dashes (YAML): read with suspicion, written plainly."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

import yaml
from django.utils.translation import gettext as _

from helpdesk.workflow.verbs import Refused

LONGEST = 20_000  # characters of a head
NOTHING = {"~", "null", "Null", "NULL"}


class _Plain(yaml.SafeLoader):
    """Words as they stand: `no` is a language, not false. Neither tags nor aliases, by which few lines become gigabytes."""

    yaml_implicit_resolvers = {}  # what a plain word is taken for: nothing but a word

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(problem="aliases and tags are not taken", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def parted(text: str) -> tuple[dict[str, Any], str]:
    """(what the head says, the body). A text without a head is all body; Refused where the head cannot be read."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return {}, text
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), 0)
    if not end:
        return {}, text
    return _read("\n".join(lines[1:end])), "\n".join(lines[end + 1 :])


def _read(head: str) -> dict[str, Any]:
    if len(head) > LONGEST:
        raise Refused("file", "front_matter", _("What stands between the dashes is too long. Shorten it."))
    try:
        found = yaml.load(head, Loader=_Plain)  # noqa: S506 - a SafeLoader that takes even less
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = _("line %(line)s") % {"line": mark.line + 2} if mark else _("in the lines between the dashes")
        why = getattr(error, "problem", None) or _("it is nested too deep or has letters that are not allowed")
        raise Refused(
            "file", "front_matter", _("%(where)s: this is no YAML (%(why)s). Mend it.") % {"where": where, "why": why}
        ) from error
    if found is None or found == "":
        return {}
    if not isinstance(found, dict):
        raise Refused("file", "front_matter", _("Between the dashes, write lines such as “title: Refunds”."))
    return {str(name).strip().lower(): value for name, value in found.items()}


def said(values: Mapping[str, Any], name: str) -> str:
    """One value, as text; "" where it is missing."""
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(name, "invalid", _("“%(name)s” is to be one line of text.") % {"name": name})
    return "" if value in NOTHING else value.strip()


def listed(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Several: a list, or one text with spaces or commas between them."""
    value = values.get(name)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    return tuple(re.split(r"[\s,]+", said(values, name))) if said(values, name) else ()


def day(values: Mapping[str, Any], name: str) -> dt.date | None:
    text = said(values, name)
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Refused(name, "invalid", _("“%(name)s” is to be a day such as 2027-01-31.") % {"name": name}) from error


def written(values: Mapping[str, Any]) -> str:
    """The head with its dashes; what is empty is left out."""
    kept = {name: value for name, value in values.items() if value not in ("", None, [])}
    body = yaml.safe_dump(kept, allow_unicode=True, sort_keys=False, width=1_000_000)
    return f"---\n{body}---\n"
