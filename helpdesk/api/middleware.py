from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.utils.cache import patch_vary_headers


class AddressMiddleware(CommonMiddleware):
    """Django's, but for the API: an address without its slash is an error there, and no answer is kept by a cache that is
    not public.

    A redirected POST comes back as a GET: a client would believe it had written something.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        return not request.path_info.startswith("/api/") and super().should_redirect_with_slash(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path_info.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "private, no-store")
            if "public" not in response.headers["Cache-Control"]:
                patch_vary_headers(response, ["Authorization", "Cookie"])
        return super().process_response(request, response)
