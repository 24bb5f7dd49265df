from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from helpdesk.models import ApiToken, Brand, User


class Command(BaseCommand):
    help = "Print a new API token for a user. It is shown this once; only its hash is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--scope", default="read,write", help="read, write or both, separated by a comma")
        parser.add_argument("--brand", help="slug; without it the token covers all brands of the user")
        parser.add_argument("--days", type=int, default=365, help="until it expires; 0: never")

    def handle(self, *args: Any, email: str, scope: str, brand: str | None, days: int, **options: Any) -> None:
        scopes = [word.strip() for word in scope.split(",") if word.strip()]
        if not scopes or set(scopes) - set(ApiToken.SCOPES):
            raise CommandError(f"--scope {scope}: must be read, write or read,write.")
        if days < 0:
            raise CommandError("--days must be 0 or more.")
        user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
        if user is None:
            raise CommandError(f"Nobody logs in with {email}. Check the address.")
        row = Brand.objects.visible_to(user).filter(slug=brand).first() if brand else None
        if brand and row is None:
            mine = ", ".join(Brand.objects.visible_to(user).values_list("slug", flat=True)) or "none"
            raise CommandError(f"{email} works for no brand “{brand}”. Theirs: {mine}.")
        self.stdout.write(ApiToken.issue(user, scopes=scopes, brand=row, name="create_token", days=days)[1])
