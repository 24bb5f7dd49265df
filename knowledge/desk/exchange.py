"""Articles from files and into files, in the browser: what the commands do, for an upload of a few megabytes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, BinaryIO, cast

from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from helpdesk.desk.inbox_views import chosen_brands
from helpdesk.desk.tickets import demand, me
from helpdesk.models import Brand
from helpdesk.permissions import may
from helpdesk.workflow.verbs import Refused
from knowledge.desk import named, page
from knowledge.exchange import bring, packed, write
from knowledge.models import HelpCentre
from knowledge.publishing import slug_of

MOST_BYTES, MOST_TOLD = 10 * 1024 * 1024, 200
ALONE = (".csv", ".md", ".markdown", ".html", ".htm")


@require_http_methods(["GET", "POST"])
def exchange(request: HttpRequest) -> HttpResponse:
    """Bring articles in from a zip file, a CSV file or one page; what became of each is told."""
    rows = Brand.objects.visible_to(request.user)
    slug = request.POST.get("brand") or request.GET.get("brand", "")
    brand = (
        get_object_or_404(rows, slug=named(slug))
        if slug
        else rows.filter(pk__in=chosen_brands(request)).order_by("id")[0]
    )
    context: dict[str, Any] = {
        "brand": brand, "brands": rows.order_by("name"), "languages": HelpCentre.of(brand).spoken, "title": _("Bring in, take out"),
        "may_take": may(request.user, "article.write", brand.pk), "may_bring": may(request.user, "article.publish", brand.pk),
    }  # fmt: skip
    status = 200
    if request.method == "POST":
        demand(request, "article.publish", brand.pk)  # files say addresses, categories and states, too
        try:
            context |= _brought(request, brand)
        except Refused as refusal:
            context["said"], status = refusal.text, 400
    return page(request, "exchange", context, status)


def _brought(request: HttpRequest, brand: Brand) -> dict[str, Any]:
    """{"outcome", "told", "is_dry"}: counts, and a sentence for each file that could not be taken."""
    file = request.FILES.get("file")
    if file is None or isinstance(file, list):
        raise Refused("file", "missing", _("Choose a file: .zip, .csv, .md or .html."))
    if (file.size or 0) > MOST_BYTES:
        raise Refused("file", "too_large", _("At most 10 MB here. For more there is `manage.py import_articles`."))
    told: list[str] = []
    is_dry = bool(request.POST.get("dry"))
    with tempfile.TemporaryDirectory(prefix="articles-") as name:
        path = _laid_out(file, Path(name))
        wanted = bring.Wanted(
            brand, path, request.POST.get("language", ""), bool(request.POST.get("publish")), is_dry, me(request)
        )
        outcome = bring.bring_in(wanted, told.append)
    return {"outcome": outcome, "told": told[:MOST_TOLD], "more": max(0, len(told) - MOST_TOLD), "is_dry": is_dry}


def _laid_out(file: UploadedFile[Any], folder: Path) -> Path:
    """The folder or CSV file that the import reads."""
    ending = Path(file.name or "").suffix.lower()
    if ending == ".zip":
        packed.unpack(cast(BinaryIO, file), folder)
        return folder
    if ending not in ALONE:
        raise Refused("file", "unknown", _("Choose a file: .zip, .csv, .md or .html."))
    path = folder / f"{slug_of(Path(file.name or '').stem)[:50] or 'page'}{ending}"
    path.write_bytes(file.read())
    return path if ending == ".csv" else folder


@require_GET
def download(request: HttpRequest, slug: str) -> FileResponse:
    """All articles of a brand as a zip file: what can be brought in again."""
    brand = get_object_or_404(Brand.objects.visible_to(request.user), slug=slug)
    demand(request, "article.write", brand.pk)
    whole = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the answer
    with tempfile.TemporaryDirectory(prefix="articles-") as name:
        write.write_out(brand, Path(name) / "all")
        packed.pack(Path(name) / "all", Path(name) / "all.zip")
        whole.write((Path(name) / "all.zip").read_bytes())
    whole.seek(0)
    return FileResponse(whole, as_attachment=True, filename=f"{brand.slug}-{timezone.localdate():%Y-%m-%d}.zip")
