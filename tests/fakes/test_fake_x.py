"""The fake X keeps the rules it is there to enforce."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from . import x_text
from .faults import ResetAfter
from .x import FakeX
from .x_caller import Caller, Hook, ids, refused

DAY = 24 * 3600
SEARCH = "/2/tweets/search/recent"
FIELDS = {
    "tweet.fields": "author_id,conversation_id,created_at,edit_controls,entities,in_reply_to_user_id,lang,note_tweet,"
    "public_metrics,referenced_tweets,reply_settings",
    "expansions": "author_id,referenced_tweets.id",
    "user.fields": "username,verified_type,public_metrics",
}


@pytest.fixture
def fake() -> Iterator[FakeX]:
    with FakeX() as platform:
        yield platform
    assert platform.crashes == []


@pytest.fixture
def shop(fake: FakeX) -> Caller:
    identifier = fake.add_account("lampshop", name="Lamp Shop")
    return Caller(fake, identifier, fake.token(identifier))


@pytest.fixture
def ada(fake: FakeX) -> str:
    return fake.add_account("ada", name="Ada", followers=7, verified_type="blue")


def test_text_is_weighed_as_twitter_text_weighs_it() -> None:
    weights = {
        "héllo": 5,
        "日本": 4,
        "👨‍👩‍👧‍👦👍🏽🇩🇪1️⃣": 8,
        "“q” …": 6,
        "https://example.com/a(b)?c=d.": 24,
        "see example.com": 27,
    }
    assert {text: x_text.weight(text) for text in weights} == weights
    assert x_text.weight("a@example.com readme.txt shop.example 2.5") == 41, "no link among them"
    assert x_text.weight("e\u0301") == 1, "composed first"
    assert [one.value for one in x_text.mentions("@a b@c hi @d_e! example.com/@f")] == ["a", "d_e"]


def test_mentions_hold_what_was_asked_for(fake: FakeX, shop: Caller, ada: str) -> None:
    first = fake.post(ada, "@lampshop is it < 5 & on https://example.com/lamp ? #lamp", lang="fr")
    ours = fake.post(shop.id, "yes", reply_to=first)
    again = fake.post(ada, "and now?", reply_to=ours)
    bare = shop.mentions(max_results=5).json()
    assert bare["data"][1] == {"id": first, "edit_history_tweet_ids": [first], "text": bare["data"][1]["text"]}
    assert "&lt; 5 &amp; on https://t.co/" in bare["data"][1]["text"]
    assert bare["meta"] == {"result_count": 2, "newest_id": again, "oldest_id": first}
    answer = shop.mentions(**FIELDS).json()
    reply, root = answer["data"]
    assert reply["text"] == "@lampshop and now?", "X names whom a reply answers"
    assert (reply["conversation_id"], reply["in_reply_to_user_id"]) == (first, shop.id)
    assert reply["referenced_tweets"] == [{"type": "replied_to", "id": ours}]
    assert root["lang"] == "fr"
    assert root["public_metrics"]["reply_count"] == 1
    assert root["created_at"].endswith(".000Z")
    assert "referenced_tweets" not in root
    assert "note_tweet" not in root
    link = root["entities"]["urls"][0]
    assert (link["expanded_url"], root["text"][link["start"] : link["end"]]) == (
        "https://example.com/lamp",
        link["url"],
    )
    assert root["entities"]["mentions"] == [{"start": 0, "end": 9, "username": "lampshop", "id": shop.id}]
    users = {one["id"]: one for one in answer["includes"]["users"]}
    assert users[ada]["public_metrics"]["followers_count"] == 7
    assert users[ada]["verified_type"] == "blue"
    assert [one["id"] for one in answer["includes"]["tweets"]] == [ours]
    fake.delete(ours)
    assert shop.mentions(**FIELDS).json()["errors"][0]["parameter"] == "referenced_tweets.id"
    fake.set_username(ada, "countess")
    assert shop.mentions(**FIELDS).json()["includes"]["users"][0]["username"] == "countess"
    fake.protect(ada)
    assert shop.mentions().json() == {"meta": {"result_count": 0}}


def test_mentions_page_within_one_pass_and_to_a_depth(fake: FakeX, shop: Caller, ada: str) -> None:
    posts = [fake.post(ada, f"@lampshop {number}") for number in range(803)]
    for wrong in (4, 101, "x"):
        refused(shop.mentions(max_results=wrong), 400, "is not between 5 and 100")
    page = shop.mentions(max_results=100)
    seen = ids(page)
    while token := page.json()["meta"].get("next_token"):
        page = shop.mentions(max_results=100, pagination_token=token)
        seen += ids(page)
    assert seen == posts[:2:-1], "the newest 800"
    old = shop.mentions(max_results=5).json()["meta"]["next_token"]
    assert ids(shop.mentions(max_results=5, pagination_token=old)) == posts[-6:-11:-1]
    assert ids(shop.mentions(max_results=5, pagination_token=old)) == posts[-6:-11:-1], "the same page again"
    refused(shop.mentions(since_id=posts[5], pagination_token=old), 400, "pagination_token")
    shop.mentions(max_results=5)
    refused(shop.mentions(max_results=5, pagination_token=old), 400, "pagination_token")
    assert ids(shop.mentions(since_id=posts[-3])) == posts[:-3:-1]
    assert ids(shop.mentions(until_id=posts[4], since_id=posts[2])) == [posts[3]]
    assert shop.mentions(since_id=posts[-1]).json() == {"meta": {"result_count": 0}}
    assert shop.mentions(start_time="2099-01-01T00:00:00Z").json()["meta"]["result_count"] == 0
    fake.raw_mention(shop.id, {"id": 7, "text": None})
    assert shop.mentions(since_id=posts[-1]).json()["data"] == [{"id": 7, "text": None}]


def test_only_the_spelling_in_use_is_known(fake: FakeX, shop: Caller, ada: str) -> None:
    post = fake.post(ada, "@lampshop cut…", long_text="@lampshop the whole")
    refused(shop.mentions(post__fields="created_at"), 400, "The query parameter [post.fields] is not one of [")
    refused(shop.mentions(tweet__fields="created_at,nonsense"), 400, "value [nonsense] is not one of [")
    refused(httpx.get(f"{fake.url}{SEARCH}?query=a&query=b", headers=shop.headers), 400, "Duplicate parameters")
    fake.options.spelling = "post"
    refused(shop.mentions(tweet__fields="created_at"), 400, "tweet.fields")
    refused(shop.mentions(expansions="referenced_tweets.id"), 400, "expansions")
    reply = fake.post(ada, "more @lampshop", reply_to=post)
    asked = {"post__fields": "note_post,referenced_posts", "expansions": "referenced_posts.id"}
    answer = shop.mentions(**asked).json()
    assert answer["data"][0]["referenced_posts"] == [{"type": "replied_to", "id": post}]
    assert answer["data"][0]["edit_history_post_ids"] == [reply]
    assert answer["includes"]["posts"][0]["note_post"]["text"] == "@lampshop the whole"
    assert "edit_history_post_ids" in shop.say("hello").json()["data"]


def test_edits_have_ids_of_their_own(fake: FakeX, shop: Caller, ada: str) -> None:
    first = fake.post(ada, "@lampshop helo")
    second = fake.edit(first, "@lampshop hello")
    assert ids(shop.mentions()) == [second]
    asked = {"ids": f"{first},{second}", "tweet__fields": "edit_controls,conversation_id"}
    old, new = shop.ask("/2/tweets", **asked).json()["data"]
    assert (old["text"], new["text"]) == ("@lampshop helo", "@lampshop hello")
    assert old["edit_history_tweet_ids"] == new["edit_history_tweet_ids"] == [first, second]
    assert (new["conversation_id"], new["edit_controls"]["edits_remaining"]) == (first, 4)
    assert fake.posts_by(ada)[0].text == "@lampshop hello"
    fake.delete(second)
    assert shop.ask(f"/2/tweets/{first}").json()["errors"][0]["title"] == "Not Found Error"


def test_search_finds_by_operators_in_a_week(fake: FakeX, shop: Caller, ada: str) -> None:
    old = fake.post(ada, "lamp of old", at=time.time() - 8 * DAY)
    lamp = fake.post(ada, "My new lamp is broken, see https://example.com/x #fail")
    quiet = fake.post(shop.id, "Which lamp?", reply_to=lamp, exclude_from_mentions=True)
    other = fake.post(ada, "broken LAMP again @lampshop", lang="de")
    found = {
        "lamp": [other, quiet, lamp],
        '"new lamp"': [lamp],
        "lamp -broken": [quiet],
        "from:ada lamp lang:de": [other],
        "to:ada": [quiet],
        "@lampshop": [other],
        "#fail": [lamp],
        f"conversation_id:{lamp} is:reply": [quiet],
        "lamp has:links -is:retweet": [lamp],
        "(which OR again) lamp -from:lampshop": [other],
    }
    assert {query: ids(shop.ask(SEARCH, query=query)) for query in found} == found
    for wrong in ("-lamp", "lang:de", "lamp and broken", "(lamp", "nonsense:1", "lamp OR"):
        refused(shop.ask(SEARCH, query=wrong), 400, "query")
    refused(shop.ask(SEARCH, query="a" * 513), 400, "512")
    refused(shop.ask(SEARCH, query="lamp", max_results=9), 400, "is not between 10 and 100")
    refused(shop.ask(SEARCH, query="lamp", since_id=old), 400, "'since_id' must be a tweet id created after")
    refused(shop.ask(SEARCH, query="lamp", start_time="2020-01-01T00:00:00Z"), 400, "'start_time' must be on or after")
    refused(shop.ask(SEARCH, query="lamp", since_id=lamp, start_time="2099-01-01T00:00:00Z"), 400, "since_id")
    assert ids(shop.mentions(since_id=old)) == [other], "mentions take a since_id of any age"
    for number in range(12):
        fake.post(ada, f"bulb {number}")
    token = shop.ask(SEARCH, query="bulb").json()["meta"]["next_token"]
    assert len(ids(shop.ask(SEARCH, query="bulb", next_token=token))) == 2


def test_lookups_tell_what_is_gone_beside_what_is_there(fake: FakeX, shop: Caller, ada: str) -> None:
    bob = fake.add_account("bob")
    here, gone, kept = fake.post(ada, "here"), fake.post(ada, "gone"), fake.post(bob, "kept")
    quote = fake.post(bob, "look", quote=here)
    assert ids(shop.ask(f"/2/tweets/{here}/quote_tweets")) == [quote]
    fake.delete(gone)
    fake.protect(bob)
    answer = shop.ask("/2/tweets", ids=f"{here},{gone},{kept}").json()
    assert [one["id"] for one in answer["data"]] == [here]
    assert answer["errors"][0]["detail"] == f"Could not find tweet with ids: [{gone}]."
    assert answer["errors"][1]["title"] == "Authorization Error"
    assert "data" not in shop.ask(f"/2/tweets/{gone}").json()
    refused(shop.ask("/2/tweets", ids=",".join(map(str, range(1, 102)))), 400, "is not between 1 and 100")
    refused(shop.ask("/2/tweets", ids="abc"), 400, "[abc]")
    assert ids(shop.ask(f"/2/users/{ada}/tweets", exclude="replies")) == [here]
    assert shop.ask("/2/users/me").json() == {"data": {"id": shop.id, "name": "Lamp Shop", "username": "lampshop"}}
    assert shop.ask("/2/users/by/username/ADA").json()["data"]["id"] == ada
    assert shop.ask("/2/users", ids=f"{ada},1").json()["errors"][0]["resource_type"] == "user"
    assert shop.ask("/2/nothing").status_code == 404


def test_replies_need_a_summons(fake: FakeX, shop: Caller, ada: str) -> None:
    found = fake.post(ada, "any good lamps?")
    refused(shop.say("ours!", found), 403, "Reply to this conversation is not allowed because you have not been")
    asked = fake.post(ada, "@lampshop any good lamps?")
    first = shop.say("Ours!", asked)
    assert first.status_code == 201
    assert first.json()["data"]["text"] == "@ada Ours!"
    assert shop.say("And a second part.", first.json()["data"]["id"]).status_code == 201, "our own thread goes on"
    quoting = fake.post(ada, "look", quote=first.json()["data"]["id"])
    assert shop.say("Thanks!", quoting).status_code == 201
    below = fake.post(ada, "how much?", reply_to=first.json()["data"]["id"])
    assert shop.say("Five.", below).status_code == 201
    fake.options.auto_mention_summons = False
    refused(shop.say("Six.", below), 403, "not been mentioned")
    silent = fake.post(ada, "hm", reply_to=first.json()["data"]["id"], exclude_from_mentions=True)
    fake.options.auto_mention_summons = True
    refused(shop.say("Seven.", silent), 403, "not been mentioned")
    fake.options.self_serve = False
    assert shop.say("Eight.", silent).status_code == 201, "an enterprise answers whom it will"
    fake.close_replies(found)
    refused(shop.say("Nine.", found), 403, "not been mentioned")
    fake.delete(silent)
    refused(shop.say("Ten.", silent), 403, "deleted or not visible to you")
    refused(shop.say("Eleven.", "1"), 403, "deleted or not visible to you")
    assert (fake.posts_by(shop.id)[0].in_reply_to, fake.posts_by(shop.id)[0].said) == (asked, "Ours!")


def test_posts_keep_their_length_and_differ(fake: FakeX, shop: Caller, ada: str) -> None:
    asked = fake.post(ada, "@lampshop well?")
    assert shop.say(f"@ada {'x' * 280}", asked).status_code == 201, "the @name at the head does not count"
    refused(shop.say("x" * 281), 403, "Your Tweet text is too long.")
    assert shop.say(f"{'x' * 256} https://example.com/{'y' * 99}").status_code == 201
    refused(shop.say("日" * 141), 403, "too long")
    refused(shop.say(" "), 400, "Invalid Request")
    refused(shop.say("a", wrong=1), 400, "$.wrong: is not defined in the schema")
    refused(shop.say("$LAMP and $BULB"), 403, "one cashtag")
    refused(shop.say("look", quote_tweet_id=asked), 403, "client-not-enrolled")
    fake.fault("POST /2/tweets", ResetAfter())
    with pytest.raises(httpx.TransportError):
        shop.say("once")
    refused(shop.say("once"), 403, "You are not allowed to create a Tweet with duplicate content.")
    assert [one.text for one in fake.posts_by(shop.id)].count("once") == 1
    assert shop.remove(shop.say("twice").json()["data"]["id"]).json() == {"data": {"deleted": True}}
    refused(shop.remove(asked), 403, "not authorized to delete")
    rich = fake.add_account("rich", premium=True)
    whole = "word " * 100
    long = Caller(fake, rich, fake.token(rich)).say(whole).json()["data"]
    assert long["text"].endswith("…")
    note = shop.ask(f"/2/tweets/{long['id']}", tweet__fields="note_tweet").json()["data"]["note_tweet"]
    assert note["text"] == whole
    likes, like = f"/2/users/{shop.id}/likes", {"tweet_id": asked}
    refused(shop.send(likes, like), 403, "client-not-enrolled")
    fake.options.self_serve = False
    assert shop.send(likes, like).json() == {"data": {"liked": True}}
    assert fake.likes_by(shop.id) == [asked]


def test_direct_messages_are_read_and_answered(fake: FakeX, shop: Caller, ada: str) -> None:
    write = f"/2/dm_conversations/with/{ada}/messages"
    refused(shop.send(write, {"text": "Hello?"}), 403, "You do not have permission to DM")
    fake.dm(ada, shop.id, "long ago", at=time.time() - 31 * DAY)
    first, second = fake.dm(ada, shop.id, "Hi & bye"), fake.dm(ada, shop.id, "", kind="ParticipantsJoin")
    sent = shop.send(write, {"text": "Hello!"})
    assert sent.status_code == 201
    conversation, mine = sent.json()["data"]["dm_conversation_id"], sent.json()["data"]["dm_event_id"]
    assert conversation == "-".join(sorted((ada, shop.id), key=int))
    assert ids(shop.ask("/2/dm_events")) == [mine, second, first]
    fields = {"dm_event__fields": "sender_id,created_at,dm_conversation_id", "expansions": "sender_id"}
    page = shop.ask("/2/dm_events", event_types="MessageCreate", max_results=1, **fields).json()
    rest = shop.ask("/2/dm_events", event_types="MessageCreate", pagination_token=page["meta"]["next_token"], **fields)
    assert rest.json()["data"][0]["text"] == "Hi &amp; bye"
    assert rest.json()["data"][0]["sender_id"] == rest.json()["includes"]["users"][0]["id"] == ada
    for path in (f"/2/dm_conversations/with/{ada}/dm_events", f"/2/dm_conversations/{conversation}/dm_events"):
        assert ids(shop.ask(path)) == [mine, second, first]
    refused(shop.ask("/2/dm_events", since_id=first), 400, "since_id")
    refused(shop.ask("/2/dm_events", max_results=101), 400, "is not between 1 and 100")
    refused(shop.send(f"/2/dm_conversations/{conversation}/messages", {"text": "x" * 10_001}), 400, "10000")
    assert [one.text for one in fake.dms_from(shop.id)] == ["Hello!"]
    refused(Caller(fake, "", fake.app_bearer()).ask("/2/dm_events"), 403, "unsupported-authentication")
    poor = Caller(fake, shop.id, fake.token(shop.id, scopes="tweet.read users.read"))
    refused(poor.ask("/2/dm_events"), 403, "Forbidden")
    refused(poor.say("a"), 403, "Forbidden")
    answers = [shop.ask("/2/dm_events") for _ in range(12)]
    assert answers[0].headers["x-rate-limit-limit"] == "15"
    refused(answers[-1], 429, "Too Many Requests")
    assert "retry-after" not in answers[-1].headers
    assert 0 < int(answers[-1].headers["x-rate-limit-reset"]) - time.time() <= 900


def test_windows_end_and_can_be_set(fake: FakeX, shop: Caller) -> None:
    fake.options.limits = False
    assert "x-rate-limit-limit" not in shop.mentions().headers
    fake.set_limit("GET /2/users/:id/mentions", 2, seconds=2)
    assert [shop.mentions().status_code for _ in range(3)] == [200, 200, 429]
    assert Caller(fake, shop.id, fake.app_bearer()).mentions().status_code == 200, "the app has a window of its own"
    reset = int(shop.mentions().headers["x-rate-limit-reset"])
    time.sleep(max(0, reset - time.time()))
    assert shop.mentions().status_code == 200


def test_reading_and_writing_cost_money(fake: FakeX, shop: Caller, ada: str) -> None:
    guest = Caller(fake, shop.id, fake.token(shop.id, owns_app=False))
    asked, other = fake.post(ada, "@lampshop well?"), fake.post(ada, "hm")
    shop.mentions()
    guest.mentions()
    guest.ask("/2/tweets", ids=f"{asked},{other}", expansions="author_id")
    shop.ask("/2/users", ids=ada)
    shop.say("one")
    shop.say("two https://example.com")
    shop.say("three", asked)
    fake.dm(ada, shop.id, "hi")
    shop.ask("/2/dm_events")
    shop.send(f"/2/dm_conversations/with/{ada}/messages", {"text": "hi"})
    counts = {"owned_read": 1, "post_read": 1, "user_read": 1, "dm_read": 1, "dm_create": 1}
    counts |= {"post_create": 1, "post_create_url": 1, "summoned_reply": 1}
    assert fake.charges == {**counts, "spent": pytest.approx(0.266)}
    fake.set_credit(0.01)
    assert shop.say("four").status_code == 201, "a balance may go a little below nothing"
    refused(shop.mentions(), 402, "CreditsDepleted")
    fake.set_credit(None)
    fake.spending_cap()
    refused(shop.mentions(), 403, "SpendCapReached")
    fake.spending_cap(reached=False)
    fake.post_cap()
    refused(shop.mentions(), 429, "UsageCapExceeded")
    assert Caller(fake, "", fake.app_bearer()).ask("/2/usage/tweets").json()["data"]["project_usage"] == "2"


def test_tokens_come_from_consent_rotate_and_end(fake: FakeX, shop: Caller) -> None:
    client = fake.client(redirect_uri="https://desk.example.com/back")
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")

    def token(form: dict[str, str], secret: str = client.client_secret) -> httpx.Response:
        return httpx.post(f"{fake.url}/2/oauth2/token", data=form, auth=(client.client_id, secret))

    def code(scope: str) -> dict[str, str]:
        asked = {"response_type": "code", "client_id": client.client_id, "redirect_uri": client.redirect_uri}
        asked |= {"scope": scope, "state": "s1", "code_challenge": challenge, "code_challenge_method": "S256"}
        back = parse_qs(urlsplit(fake.consent(f"https://x.com/i/oauth2/authorize?{urlencode(asked)}", shop.id)).query)
        assert back["state"] == ["s1"]
        return {"grant_type": "authorization_code", "code": back["code"][0], "redirect_uri": client.redirect_uri}

    good = code("tweet.read users.read offline.access") | {"code_verifier": verifier}
    refused(token(good, "wrong"), 401, "unauthorized_client")
    pair = token(good).json()
    assert (pair["token_type"], pair["expires_in"]) == ("bearer", 7200)
    refused(token(good), 400, "invalid_request")
    refused(token(code("users.read") | {"code_verifier": "w" * 50}), 400, "code verifier")
    assert "refresh_token" not in token(code("tweet.read users.read") | {"code_verifier": verifier}).json()
    late = code("users.read") | {"code_verifier": verifier}
    fake.expire_codes()
    refused(token(late), 400, "authorization code was invalid")
    shop.token = pair["access_token"]
    assert shop.ask("/2/users/me").status_code == 200
    fake.expire(shop.token)
    expected = {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
    assert shop.ask("/2/users/me").json() == expected
    refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    shop.token = token(refresh).json()["access_token"]
    assert shop.ask("/2/users/me").status_code == 200
    wrong = {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}
    assert (token(refresh).status_code, token(refresh).json()) == (400, wrong)
    fake.options.access_seconds = 0.1
    shop.token, _ = fake.grant(shop.id)
    time.sleep(0.15)
    refused(shop.ask("/2/users/me"), 401, "Unauthorized")
    assert [one.method for one in fake.requests][:2] == ["POST /2/oauth2/token"] * 2


def test_webhooks_prove_themselves_and_get_signed_events(fake: FakeX, shop: Caller, ada: str) -> None:
    with Hook(fake.consumer_secret) as hook:
        local, got = hook.url, hook.got
        fake.reach("https://desk.example.com", local)
        app = Caller(fake, "", fake.app_bearer())
        refused(app.send("/2/webhooks", {"url": "https://desk.example.com:8443/x"}), 400, "UrlValidationFailed")
        refused(app.send("/2/webhooks", {"url": "https://desk.example.com/bad"}), 400, "CrcValidationFailed")
        refused(shop.send("/2/webhooks", {"url": "https://desk.example.com/x"}), 403, "unsupported-authentication")
        identifier = app.send("/2/webhooks", {"url": "https://desk.example.com/x"}).json()["data"]["id"]
        wanted = {"event_type": "post.mention.create", "filter": {"user_id": shop.id}, "webhook_id": identifier}
        refused(app.send("/2/activity/subscriptions", wanted), 403, "Private events")
        assert shop.send("/2/activity/subscriptions", wanted).json()["meta"] == {"total_subscriptions": 1}
        post, message = fake.post(ada, "@lampshop hi"), fake.dm(ada, shop.id, "hi")
        event = fake.mention_event(shop.id, post)
        assert event["data"]["payload"]["text"] == "@lampshop hi"
        assert fake.deliver(f"{local}/x", event) == 200
        assert got[0][0] == FakeX.signature(fake.consumer_secret, got[0][1])
        assert json.loads(got[0][1]) == event
        assert fake.dm_event(shop.id, message)["data"]["event_type"] == "dm.received"
        assert fake.delete_event(ada, post)["data"]["payload"] == {"id": post, "author_id": ada}
        span = {"webhook_id": identifier, "from_date": "202001010000", "to_date": "209901010000"}
        assert app.send("/2/webhooks/replay", span).status_code == 200
        assert fake.run_replays() == [200]
        assert got[1] == got[0]
