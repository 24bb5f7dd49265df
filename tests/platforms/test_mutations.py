"""Every platform's items, mutated: missing, null, of another type, unknown, huge. No crash, no loss, quarantine at worst."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mentions.models import Account, Mention, Quarantine, Source
from mentions.platforms import registry
from mentions.platforms.base import Connector, Identity, Page
from mentions.reading import prepare
from tests.platforms import samples

ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    2**63,
    1e308,
    "",
    "x",
    "\x00",
    "\ud800",
    "y" * 200_000,
    [],
    {},
    [None],
    {"id": None},
]
ODD += ["2026-13-45T99:99:99Z", "9999999999999999999", "\u202e", {"a": {"b": {"c": []}}}, [[[]]], "<b>", "@", 7.5]


@st.composite
def mutated(draw: st.DrawFn, sample: Any) -> Any:
    """`sample` with one to four of its values removed or replaced, wherever they stand."""
    value = copy.deepcopy(sample)
    for _number in range(draw(st.integers(1, 4))):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        act = draw(st.sampled_from(["drop", "odd", "more"]))
        if act == "drop":
            del holder[key]
        elif act == "odd":
            holder[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
        elif isinstance(holder, dict):
            holder[draw(st.text(max_size=8))] = copy.deepcopy(draw(st.sampled_from(ODD)))
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in list(pairs):
        found.append((value, key))
        found += _places(below)
    return found


def connector(platform: str, facts: dict[str, Any]) -> Connector:
    identity = Identity("here", "us", "northwind", facts=facts)
    return registry.connector_class(platform)(
        samples.SETTINGS.get(platform, {}), {}, {"did": "did:plc:us"}, identity=identity
    )


@pytest.mark.parametrize("name", sorted(samples.SAMPLES))
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_mutated_item_is_read_or_set_aside(name: str, data: st.DataObject, monkeypatch_session: Any) -> None:
    sample = samples.SAMPLES[name]
    item = data.draw(mutated(sample.item))
    made = connector(sample.platform, sample.facts)
    monkeypatch_session(made)
    page = made.reread(sample.stream, item)
    assert isinstance(page, Page)
    account = Account(platform=sample.platform, namespace="here", external_id="us", brand_id=1)
    for post in page.posts:
        json.dumps(dict(post.reference))
        assert isinstance(post.text, str)
        assert post.external_id
        assert account.namespace


@pytest.fixture
def monkeypatch_session() -> Callable[[Connector], None]:
    """Reading again makes no request: one that does is a mistake."""

    def close(made: Connector) -> None:
        def refuse(*_args: Any, **_options: Any) -> Any:
            from mentions.platforms.base import PlatformError

            raise PlatformError("missing", "no request here", permanent=True)

        made.ask = refuse  # type: ignore[method-assign]

    return close


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(samples.SAMPLES))
def test_what_can_be_read_of_odd_items_is_stored_or_kept_in_quarantine(name: str, world: Any) -> None:
    """A page of the sample with each of its values made odd in turn: stored or set aside, and never lost."""
    from mentions import ingest
    from mentions.polling import claim
    from tests.world import listen_to_nothing

    sample = samples.SAMPLES[name]
    source: Source = listen_to_nothing(world, sample.platform, sample.stream, sample.facts)
    made = connector(sample.platform, sample.facts)

    def refuse(*_args: Any, **_options: Any) -> Any:
        from mentions.platforms.base import PlatformError

        raise PlatformError("missing", "no request here", permanent=True)

    made.ask = refuse  # type: ignore[method-assign]
    posts, malformed = [], []
    for index, (_holder, _key) in enumerate(_places(sample.item)):
        item = copy.deepcopy(sample.item)
        holder, key = _places(item)[index]
        holder[key] = copy.deepcopy(ODD[index % len(ODD)])
        page = made.reread(sample.stream, item)
        posts += list(page.posts)
        malformed += list(page.malformed)
    lease = claim(source.pk, forced=True)
    assert lease is not None
    ingest.store(lease, Page(tuple(posts), tuple(malformed)), made)
    names = {(post.kind, post.external_id) for post in posts}
    kept, unfit = prepare(source.account, posts, lease.source.created_at)
    assert Mention.objects.count() == len({(item.post.kind, item.post.external_id) for item in kept})
    assert Mention.objects.count() + len(unfit) == len(names)
    assert Quarantine.objects.exists() == bool(malformed or unfit)
