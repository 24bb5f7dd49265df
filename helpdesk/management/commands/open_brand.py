from __future__ import annotations

import getpass
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email, validate_slug
from django.db import IntegrityError, transaction

from helpdesk.models import Brand, Membership, User
from helpdesk.permissions import Role
from helpdesk.workflow.brands import open_brand


class Command(BaseCommand):
    help = "Open a brand (or take an existing one) and make somebody its owner. Asks for a password where they are new."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name in addresses and the API, such as northwind-rail")
        parser.add_argument("name", help="as customers know it")
        parser.add_argument("owner", help="the owner's email address")

    @transaction.atomic
    def handle(self, *args: Any, slug: str, name: str, owner: str, **options: Any) -> None:
        owner = owner.strip().lower()
        try:
            validate_slug(slug)
            validate_email(owner)
        except ValidationError as error:
            raise CommandError(f"{slug} / {owner}: {error.messages[0]}") from error
        user = User.objects.filter(email=owner).first() or _new(owner)
        brand = Brand.objects.filter(slug=slug).first()
        try:
            brand = brand or open_brand(slug, name)
        except IntegrityError as error:
            raise CommandError(f"{slug}: {error}") from error
        Membership.objects.update_or_create(brand=brand, user=user, defaults={"role": Role.OWNER})
        self.stdout.write(f"{brand.name} ({brand.slug}) belongs to {user.email}. Log in at /desk/.")


def _new(email: str) -> User:
    question = "Password for the new owner: "
    password = getpass.getpass(question) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        validate_password(password, User(email=email))
    except ValidationError as error:
        raise CommandError(f"That password will not do: {' '.join(error.messages)}") from error
    return User.objects.create_user(email, password, name=email.split("@", maxsplit=1)[0])
