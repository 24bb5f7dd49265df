"""What came with a message: its files, streamed after a permission check, and its HTML, made harmless.

Nothing is shown inline but the HTML view, which is a page of its own in a sandbox: no script, no form, no request to
anybody until the agent asks for the pictures.
"""

from __future__ import annotations

from csp.decorators import csp_replace
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from helpdesk import files, links
from helpdesk.models import Attachment, MessageBody
from helpdesk.text.markup import shown_html

QUIET = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "img-src": ["data:"],
    "frame-ancestors": ["'self'"],
    "form-action": ["'none'"],
    "base-uri": ["'none'"],
    "sandbox": ["allow-popups"],
}


@require_GET
def download(request: HttpRequest, attachment_id: int) -> HttpResponseBase:
    """The file, to be saved: never opened in our pages, whatever it says it is."""
    row = get_object_or_404(Attachment.objects.visible_to(request.user), pk=attachment_id)
    try:
        stream = files.opened(row)
    except FileNotFoundError:
        raise Http404(_("This file is gone.")) from None
    answer = FileResponse(stream, as_attachment=True, filename=row.name, content_type="application/octet-stream")
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    return answer


@require_GET
def html(request: HttpRequest, message_id: int) -> HttpResponseBase:
    """The HTML of a message; with `?pictures=1` pictures from the network are shown, which tells who sent it."""
    body = get_object_or_404(MessageBody.objects.visible_to(request.user), message=message_id)
    pictures = request.GET.get("pictures") == "1"
    answer = HttpResponse(shown_html(links.without_keys(body.html), pictures=pictures))
    answer["Referrer-Policy"] = "no-referrer"
    answer["Cache-Control"] = "private, no-store"
    policy = {**QUIET, "img-src": ["data:", "https:"]} if pictures else QUIET
    return xframe_options_sameorigin(csp_replace(policy)(lambda _request: answer))(request)
