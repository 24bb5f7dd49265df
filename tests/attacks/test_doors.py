"""Getting in: sessions, log-in, resets, redirects, proxies and tokens."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from helpdesk.models import ApiToken, Brand, Customer, Event, Ticket, User, public_id
from tests.attacks.scene import Scene
from tests.world import PASSWORD

pytestmark = pytest.mark.django_db

LOGIN, RESET = "/account/login/", "/account/password/reset/"
KNOWN, UNKNOWN = "agent@northwind.example", "stranger@northwind.example"
ELSEWHERE = [
    "https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example",
    "javascript:alert(1)", "http://testserver@evil.example/", "https://testserver.evil.example/", "\thttps://evil.example/",
]  # fmt: skip


def log_in(client: Client, email: str = KNOWN, password: str = PASSWORD, path: str = LOGIN) -> Any:
    return client.post(path, {"login": email, "password": password})


def shown(answer: Any, typed: str) -> str:
    """The page without what differs by nature: the form's token and the address that was typed."""
    body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    return body.replace(typed, "")


def test_log_in_opens_the_desk(client: Client, scene: Scene) -> None:
    assert log_in(client).headers["Location"] == "/desk/"
    assert client.get("/desk/inbox/next/").status_code == 200


def test_a_session_from_before_is_worth_nothing(client: Client, scene: Scene) -> None:
    """Fixation: the key changes at log-in, and the one before opens nothing."""
    session = client.session
    session["brand"] = 1
    session.save()
    before = session.session_key
    log_in(client)
    assert client.cookies["sessionid"].value != before
    stranger = Client()
    stranger.cookies["sessionid"] = str(before)
    assert stranger.get("/desk/inbox/next/").status_code == 302


def test_a_session_ends_at_log_out_and_with_the_password(client: Client, scene: Scene) -> None:
    other = Client()
    log_in(client)
    log_in(other)
    kept = client.cookies["sessionid"].value
    client.post("/account/logout/")
    client.cookies["sessionid"] = kept
    assert client.get("/desk/inbox/next/").status_code == 302
    scene.world.agent.set_password("violet staple battery")
    scene.world.agent.save()
    assert other.get("/desk/inbox/next/").status_code == 302


def test_nobody_logs_out_by_a_link(client: Client, scene: Scene) -> None:
    log_in(client)
    client.get("/account/logout/")
    assert client.get("/desk/inbox/next/").status_code == 200


def test_who_may_no_longer_log_in_is_out_at_once(scene: Scene) -> None:
    desk, api = scene.world.desk(scene.world.agent), scene.world.api(scene.world.agent)
    User.objects.filter(pk=scene.world.agent.pk).update(is_active=False)
    assert desk.get("/desk/inbox/next/").status_code == 302
    assert api.get("/api/v1/tickets/").status_code == 401


def test_cookies_are_for_the_browser_alone(client: Client, scene: Scene) -> None:
    log_in(client)
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_writes_from_another_site_are_refused(scene: Scene) -> None:
    """The desk and the API by session ask for the form's token; a bearer token needs none."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(scene.world.agent, backend="allauth.account.auth_backends.AuthenticationBackend")
    ticket = scene.north.ticket
    assert client.post(f"/desk/tickets/{ticket.pk}/resolve/").status_code == 403
    assert client.post(f"/api/v1/tickets/{ticket.pk}/resolve/").status_code == 403
    assert log_in(Client(enforce_csrf_checks=True)).status_code == 403
    ticket.refresh_from_db()
    assert ticket.state == "new"


# --- who is there ----------------------------------------------------------------------------------------------


def test_log_in_does_not_say_who_is_known(client: Client, scene: Scene) -> None:
    User.objects.filter(email="lead@northwind.example").update(is_active=False)
    addresses = (KNOWN, UNKNOWN, "lead@northwind.example", scene.world.outsider.email)
    answers = [(address, log_in(Client(), address, "wrong wrong wrong")) for address in addresses]
    assert {answer.status_code for _, answer in answers} == {200}
    assert len({shown(answer, address) for address, answer in answers}) == 1


def test_a_reset_does_not_say_who_is_known(scene: Scene) -> None:
    answers = [Client().post(RESET, {"email": address}, follow=True) for address in (KNOWN, UNKNOWN)]
    assert answers[0].redirect_chain == answers[1].redirect_chain
    assert shown(answers[0], KNOWN) == shown(answers[1], UNKNOWN)
    assert {letter.to[0] for letter in mail.outbox if "/password/reset/key/" in str(letter.body)} == {KNOWN}


def test_guessing_is_slowed_down(client: Client, scene: Scene) -> None:
    """After five wrong passwords even the right one waits."""
    for _ in range(5):
        log_in(client, password="wrong wrong wrong")
    assert log_in(client).status_code != 302
    assert client.get("/desk/inbox/next/").status_code == 302
    cache.clear()
    assert log_in(client).status_code == 302


def test_guessing_many_addresses_is_slowed_down(client: Client, scene: Scene) -> None:
    statuses = [log_in(client, f"a{n}@northwind.example", "wrong wrong wrong").status_code for n in range(40)]
    assert 429 in statuses or log_in(client).status_code != 302


def test_a_forged_sender_does_not_reset_the_count(client: Client, scene: Scene) -> None:
    """X-Forwarded-For is not believed: a new address per guess is the same guesser."""
    for number in range(12):
        client.post(
            LOGIN, {"login": KNOWN, "password": "wrong wrong wrong"}, headers={"X-Forwarded-For": f"203.0.113.{number}"}
        )
    assert log_in(client).status_code != 302


def test_nobody_signs_up(client: Client) -> None:
    assert client.get("/account/closed/").headers["Location"] == LOGIN
    assert client.get("/account/signup/").status_code == 404


# --- resets ----------------------------------------------------------------------------------------------------


def link() -> str:
    found = re.search(r"http://[^/\s]+(/account/password/reset/key/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


def set_password(path: str, password: str) -> Any:
    client = Client()
    page = client.get(path)
    return client.post(page.headers.get("Location", path), {"password1": password, "password2": password})


def test_a_reset_works_once_and_ends_sessions(client: Client, scene: Scene) -> None:
    log_in(client)
    Client().post(RESET, {"email": KNOWN})
    path = link()
    assert set_password(path, "violet staple battery").status_code == 302
    set_password(path, "another staple battery")
    scene.world.agent.refresh_from_db()
    assert scene.world.agent.check_password("violet staple battery")
    assert client.get("/desk/inbox/next/").status_code == 302


def test_an_old_or_foreign_reset_opens_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    Client().post(RESET, {"email": KNOWN})
    path = link()
    other = re.sub(r"key/\w+-", "key/1-", path)
    set_password(other, "violet staple battery")
    set_password(path[:-3] + "xx/", "violet staple battery")
    set_password("/account/password/reset/key/-/", "violet staple battery")
    late = dt.datetime.now() + dt.timedelta(seconds=django_settings.PASSWORD_RESET_TIMEOUT + 60)
    monkeypatch.setattr("django.contrib.auth.tokens.PasswordResetTokenGenerator._now", lambda self: late)
    set_password(path, "violet staple battery")
    assert not any(user.check_password("violet staple battery") for user in User.objects.all())


@pytest.mark.parametrize("password", ["short", "password1234", KNOWN, ""])
def test_weak_passwords_are_refused(scene: Scene, password: str) -> None:
    Client().post(RESET, {"email": KNOWN})
    set_password(link(), password)
    scene.world.agent.refresh_from_db()
    assert scene.world.agent.check_password(PASSWORD)


# --- redirects, proxies, hosts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_redirect_leads_elsewhere(client: Client, scene: Scene, target: str) -> None:
    log_in(client)
    places = [
        client.post("/desk/brand/", {"brand": "", "next": target}),
        Client().post(LOGIN, {"login": KNOWN, "password": PASSWORD, "next": target}),
        client.get(LOGIN, {"next": target}),
        client.post("/account/logout/", {"next": target}),
    ]
    assert [place.status_code for place in places] == [302] * 4
    assert [
        place.headers["Location"]
        for place in places
        if not place.headers["Location"].startswith(("/desk/", "/account/"))
    ] == []


def test_a_way_back_stays_in_the_house(client: Client, scene: Scene) -> None:
    asked = client.get("/desk/tickets/7/").headers["Location"]
    assert asked == "/account/login/?next=/desk/tickets/7/"
    assert log_in(client, path=asked).headers["Location"] == "/desk/tickets/7/"


def test_proxy_headers_are_not_believed(scene: Scene) -> None:
    lies = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Port": "8443",
        "X-Real-Ip": "10.0.0.1",
    }
    answer = scene.world.api(scene.world.agent).get("/api/v1/tickets/?limit=1", headers=lies)
    assert answer.json()["next"].startswith("http://testserver/")
    Client().post(RESET, {"email": KNOWN}, headers=lies)
    assert "evil.example" not in str(mail.outbox[-1].body)
    assert "http://testserver/" in str(mail.outbox[-1].body)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost@evil.example", "127.0.0.1.nip.example", "", "a b"]
)
def test_unknown_hosts_are_refused(scene: Scene, settings: Any, host: str) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    for path in ("/account/login/", "/desk/", "/api/v1/", "/help/"):
        assert Client().get(path, headers={"Host": host}).status_code == 400, path


@pytest.mark.parametrize("key", ["a\r\nSet-Cookie: x=1", "a\nb", "\x00", "x" * 256, "\u2028"])
def test_line_breaks_reach_no_header(scene: Scene, key: str) -> None:
    api, path = scene.world.api(scene.world.agent), f"/api/v1/tickets/{scene.north.ticket.pk}/notes/"
    answer = api.post(path, {"text": "x"}, format="json", HTTP_IDEMPOTENCY_KEY=key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert "Set-Cookie" not in answer.headers


def test_line_breaks_in_names_stay_out_of_headers_and_mail(scene: Scene) -> None:
    User.objects.filter(email=KNOWN).update(name="Noor\r\nBcc: all@northwind.example")
    Client().post(RESET, {"email": KNOWN})
    assert mail.outbox[-1].recipients() == [KNOWN]
    assert "\n" not in mail.outbox[-1].subject
    Customer.objects.filter(pk=scene.north.customer.pk).update(name="Ana\r\nX-Other: 1")
    answer = scene.world.desk(scene.world.agent).post(
        f"/desk/helpdesk/customer/{scene.north.customer.pk}/change/", {"name": "Ana\r\nX-Other: 1"}
    )
    assert "X-Other" not in answer.headers


# --- tokens and keys -------------------------------------------------------------------------------------------


def test_tokens_are_long_random_and_kept_as_a_hash(scene: Scene) -> None:
    rows = [ApiToken.issue(scene.world.agent, scopes=["read"]) for _ in range(50)]
    secrets = [token.removeprefix(ApiToken.PREFIX) for _, token in rows]
    assert len(set(secrets)) == 50
    assert min(map(len, secrets)) * 6 >= 128 + 6
    stored = str(list(ApiToken.objects.values()))
    assert not any(secret in stored for secret in secrets)
    assert all(len(row.hint) <= len(ApiToken.PREFIX) + 6 for row, _ in rows), "a hint must leave the rest unguessable"
    assert all(row.expires_at for row, _ in rows)


def test_public_ids_are_random(scene: Scene) -> None:
    assert min(len(public_id()) for _ in range(50)) * 6 >= 128
    ids = [*Ticket.objects.values_list("public_id", flat=True), *Customer.objects.values_list("public_id", flat=True)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Bearer a b", "Bearer \x00", "Basic eDp5", "Token x", "bearer hd_", "Bearer é"]
)
def test_odd_authorizations_open_nothing(scene: Scene, value: str) -> None:
    answer = Client().get("/api/v1/tickets/", headers={"Authorization": value})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_hash_is_no_token(scene: Scene) -> None:
    row, token = ApiToken.issue(scene.world.agent, scopes=["read"])
    for wrong in (row.hash, token[:-1], token.upper(), token + "x", row.hint):
        assert Client().get("/api/v1/tickets/", headers={"Authorization": f"Bearer {wrong}"}).status_code == 401
    ApiToken.objects.filter(pk=row.pk).update(expires_at=timezone.now())
    assert Client().get("/api/v1/tickets/", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_the_help_pages_tell_no_list_of_brands(client: Client, scene: Scene) -> None:
    body = client.get("/help/").content.decode()
    assert not any(name in body for name in Brand.objects.values_list("name", flat=True))
    assert client.get("/help/nobody/en/").status_code == 404


def test_a_new_member_gets_in_by_the_link_their_owner_is_shown(client: Client, scene: Scene) -> None:
    owner = scene.world.desk(scene.world.owner)
    body = {"brand": scene.world.brand.pk, "email": "new@northwind.example", "name": "Nia", "role": "agent"}
    page = owner.post("/desk/helpdesk/membership/add/", body, follow=True).content.decode()
    link = re.search(r"http://testserver(/account/password/reset/key/[\w-]+/)", page)
    assert link, "the owner is shown a link"
    form = client.get(link[1], follow=True)
    where = form.redirect_chain[-1][0]
    client.post(where, {"password1": "violet staple battery", "password2": "violet staple battery"})
    assert log_in(client, "new@northwind.example", "violet staple battery").headers["Location"] == "/desk/"


def test_a_mail_server_that_is_away_shows_no_error_and_tells_nobody(
    client: Client, scene: Scene, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    answers = [client.post(RESET, {"email": address}) for address in (KNOWN, UNKNOWN)]
    assert [answer.status_code for answer in answers] == [302, 302]


def test_changes_in_the_desk_leave_events_and_are_cleaned(scene: Scene) -> None:
    customer = scene.north.customer
    body = {"name": "Ana\u202e Lind\x07", "language": "", "place": "", "about": ""}
    scene.world.desk(scene.world.agent).post(f"/desk/helpdesk/customer/{customer.pk}/change/", body)
    customer.refresh_from_db()
    assert customer.name == "Ana Lind"
    event = Event.objects.filter(code="customer.changed").latest("id")
    assert (event.data["customer"], "name" in event.data["fields"]) == (customer.pk, True)
