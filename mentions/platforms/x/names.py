"""The API's names in both spellings: between July and August 2026 its specification renamed tweet.* to post.*.

What is asked for is asked in the spelling the account was connected with; what comes is read in either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIELDS = (
    "created_at,author_id,conversation_id,in_reply_to_user_id,{referenced},public_metrics,lang,entities,{history},"
    "edit_controls,{note},reply_settings"
)
USER_FIELDS = "username,name,verified,verified_type,public_metrics"


@dataclass(frozen=True)
class Spelling:
    key: str

    @property
    def other(self) -> Spelling:
        return SPELLINGS["post" if self.key == "tweet" else "tweet"]

    @property
    def expansions(self) -> str:
        return f"author_id,referenced_{self.key}s.id,referenced_{self.key}s.id.author_id"

    def params(self) -> dict[str, str]:
        fields = FIELDS.format(
            referenced=f"referenced_{self.key}s", history=f"edit_history_{self.key}_ids", note=f"note_{self.key}"
        )
        return {f"{self.key}.fields": fields, "expansions": self.expansions, "user.fields": USER_FIELDS}


SPELLINGS = {key: Spelling(key) for key in ("tweet", "post")}


def either(item: Mapping[str, Any], name: str) -> Any:
    """The field whose name holds `{}` in one spelling or the other; None where it has neither."""
    for key in ("tweet", "post"):
        value = item.get(name.format(key))
        if value is not None:
            return value
    return None


def included(answer: Mapping[str, Any], kind: str) -> dict[str, Mapping[str, Any]]:
    """What came along with an answer, by id: `users`, or posts under either name (`posts`)."""
    includes = answer.get("includes")
    if not isinstance(includes, dict):
        return {}
    found = includes.get("users") if kind == "users" else either(includes, "{}s")
    rows = [row.get("data", row) for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    return {row["id"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)}
