"""What the desk's forms share: one sent twice has its effect once."""

from __future__ import annotations

import hashlib
import json

from django.http import HttpRequest

from helpdesk.workflow import once

# Fields that differ though the form is the same: its token, and what a live page has shown meanwhile.
MOVES = {"csrfmiddlewaretoken", "seen"}


def sent_before(request: HttpRequest) -> bool:
    """Whether this very form was sent already, by a double click or a reload; in the transaction of its effect.

    A page is given its own `once` ({% once %}). Other words sent from the same page (after going back, say) count as
    another form.
    """
    given = request.POST.get("once", "")
    if not given or request.user.pk is None:
        return False
    fields = sorted((name, request.POST.getlist(name)) for name in request.POST if name not in MOVES)
    digest = hashlib.sha256(f"{request.path}\n{json.dumps(fields)}".encode()).hexdigest()
    return not once.claim(request.user.pk, f"desk:{digest}", request.path, digest)[1]
