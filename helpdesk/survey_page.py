"""What a customer sees who follows the link of a survey: one question, no log-in. Looking never counts as an answer, so
that what fetches links ahead of people (previews, virus scanners) says nothing in their name."""

from __future__ import annotations

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from helpdesk.models import Survey
from helpdesk.permissions import role_of
from helpdesk.workflow import surveys
from helpdesk.workflow.verbs import Conflict, Refused

SCALE = (
    (5, gettext_lazy("Completely")),
    (4, gettext_lazy("Mostly")),
    (3, gettext_lazy("Half")),
    (2, gettext_lazy("Hardly")),
    (1, gettext_lazy("Not at all")),
)


class AnswerForm(forms.Form):
    score = forms.TypedChoiceField(
        label=gettext_lazy("Is it settled for you?"),
        choices=SCALE,
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose one of the five."),
            "invalid_choice": gettext_lazy("Choose one of the five."),
        },
    )
    comment = forms.CharField(
        label=gettext_lazy("What should we know? (optional)"),
        required=False,
        max_length=surveys.LONGEST_COMMENT,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


@never_cache
@require_http_methods(["GET", "POST"])
def survey(request: HttpRequest, token: str) -> HttpResponse:
    """The question, or what became of it. A link that is not ours is 404; one used up says so."""
    row = surveys.find(token)
    if row is None or row.state in (Survey.State.PLANNED, Survey.State.SKIPPED):
        raise Http404
    form = AnswerForm(request.POST or None)
    status = 200
    if request.method == "POST" and role_of(request.user, row.brand_id) is not None:
        return _page(request, row, form, 403, _("You work for this brand: only the customer can answer this."))
    if request.method == "POST":
        if form.is_valid():
            try:
                surveys.answer(row.pk, form.cleaned_data["score"], form.cleaned_data["comment"])
                return redirect(request.path)
            except Refused as refusal:
                form.add_error(refusal.field, refusal.text)
            except Conflict as conflict:
                return _page(request, row, form, 409, str(conflict))
        status = 400
    return _page(request, row, form, status, "")


def _page(request: HttpRequest, row: Survey, form: AnswerForm, status: int, said: str) -> HttpResponse:
    is_over = row.state == Survey.State.SILENT or (
        row.state == Survey.State.SENT and row.expires_at is not None and row.expires_at <= timezone.now()
    )
    if not said and is_over:
        said = _("This question is over. Write to us instead: we listen.")
    context = {"row": row, "form": form, "said": said, "is_open": row.state == Survey.State.SENT and not said}
    response = TemplateResponse(request, "survey.html", context, status=status)
    # the address is the key; "no-referrer" would hide where the form comes from, and it would be refused
    response["Referrer-Policy"] = "same-origin"
    response["X-Robots-Tag"] = "noindex"
    return response
