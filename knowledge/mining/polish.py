"""A draft in better words, where a model of one's own is set up (`LLM_BASE_URL`, any OpenAI-compatible server). Off by default.

It may only word what is there: where numbers, links or gaps come out other than they went in, the draft stays as it was.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from django.conf import settings

from helpdesk.net import HttpClient, NetError

log = logging.getLogger(__name__)
SECONDS = 60.0
MUST_STAY = re.compile(r"\d+(?:[.,:]\d+)*|https?://\S+|\[gap: [^\]]*\]")
TASK = (
    "You word help articles. Rewrite the text below in plain, friendly sentences for customers. Use only what it says: add no "
    "fact, number, link or promise, and leave none out. Keep Markdown headings, lists and every [gap: …] exactly. Answer with "
    "the text alone."
)


def polished(body: str) -> tuple[str, bool]:
    """(the text, whether it was worded anew)."""
    if not settings.LLM_BASE_URL or not body.strip():
        return body, False
    try:
        made = _asked(body)
    except (NetError, KeyError, IndexError, TypeError, ValueError) as error:
        log.warning("the draft stays as it is: %s", type(error).__name__)
        return body, False
    if not is_faithful(body, made):
        log.warning("the draft stays as it is: other facts came back")
        return body, False
    return made, True


def is_faithful(before: str, after: str) -> bool:
    """Whether the same numbers, links and gaps stand in both, and about as much text."""
    kept = sorted(MUST_STAY.findall(before)) == sorted(MUST_STAY.findall(after))
    return kept and 0.4 * len(before) <= len(after) <= 2 * len(before) + 200


def _asked(body: str) -> str:
    messages = [{"role": "system", "content": TASK}, {"role": "user", "content": body}]
    headers = {"authorization": f"Bearer {settings.LLM_API_KEY}"} if settings.LLM_API_KEY else {}
    with HttpClient(seconds=SECONDS) as client:
        answer = client.request(
            "POST", f"{settings.LLM_BASE_URL}/chat/completions", headers=headers,
            body={"model": settings.LLM_MODEL, "messages": messages, "temperature": 0.2},
        )  # fmt: skip
    if answer.status != 200:
        raise ValueError(f"HTTP {answer.status}")
    given: Any = answer.json()
    return str(given["choices"][0]["message"]["content"]).strip()
