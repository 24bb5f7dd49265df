from __future__ import annotations

import logging
import smtplib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from helpdesk.models import User

log = logging.getLogger(__name__)


class ClosedAccountAdapter(DefaultAccountAdapter):
    """Nobody signs up: owners add members."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that is away is no reason to show an error page, nor to tell who has an account."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, smtplib.SMTPException):
            log.exception("a mail could not be sent; check HELPDESK_MAIL_URL")

    def get_reset_password_from_key_url(self, key: str) -> str:
        return str(_absolute(self.request, reverse("account_reset_password_from_key", args=key.split("-", 1))))


def password_link(request: HttpRequest, user: User) -> str:
    """An address at which they choose a password, once, within the days settings give; for an owner to pass on."""
    key = default_token_generator.make_token(user)
    return _absolute(request, reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), key]))


def _absolute(request: HttpRequest, path: str) -> str:
    return f"{settings.BASE_URL.rstrip('/')}{path}" if settings.BASE_URL else request.build_absolute_uri(path)
