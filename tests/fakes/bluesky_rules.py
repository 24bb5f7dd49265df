"""What Bluesky's lexicons demand of a record, a key and a page; nothing here knows any client."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import regex

if TYPE_CHECKING:
    from .bluesky_ledger import Record

Json = dict[str, Any]
Find = Callable[[str], "Record | None"]
T = TypeVar("T")

POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
REPOST = "app.bsky.feed.repost"
FACET = "app.bsky.richtext.facet"
QUOTE_EMBEDS = ("app.bsky.embed.record", "app.bsky.embed.recordWithMedia")
EMBEDS = (*QUOTE_EMBEDS, *(f"app.bsky.embed.{kind}" for kind in ("images", "video", "gallery", "external")))
TID_COLLECTIONS = (POST, LIKE, REPOST)

_SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"
_TID = re.compile(r"[234567abcdefghij][234567a-z]{12}")
_RECORD_KEY = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._:~-]{1,512}")
_NSID = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*(\.[a-zA-Z0-9-]+){1,}\.[a-zA-Z][a-zA-Z0-9]*")
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]*[A-Za-z0-9._-]")
_URI = re.compile(r"[a-z][a-z0-9+.-]*:(//)?[^\s/]\S*", re.IGNORECASE)
_DATETIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,20})?(Z|[+-]\d\d:\d\d)")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")


class Refusal(Exception):
    """An XRPC error: what the server answers instead of doing what was asked."""

    def __init__(self, status: int, error: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {error}: {message}")
        self.status, self.error, self.message, self.headers = status, error, message, headers or {}


def invalid(message: str) -> Refusal:
    """The refusal of a request that breaks a schema."""
    return Refusal(400, "InvalidRequest", message)


def cid_of(record: Json) -> str:
    """A content id that depends on the content alone, of the length of a real one."""
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    return "bafyrei" + base64.b32encode(hashlib.sha256(canonical).digest()).decode().lower().rstrip("=")


def tid_of(microseconds: int) -> str:
    """The timestamp id of a moment: 13 characters that sort as time does."""
    number = microseconds << 10
    return "".join(_SORTABLE[number >> shift & 31] for shift in range(60, -1, -5))


def iso(moment: float) -> str:
    """A moment as the network writes it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_of(value: str) -> datetime | None:
    """The moment an RFC 3339 text with a zone names, or None where it is no such text."""
    match = _DATETIME.fullmatch(value)
    if match is None or match[3] == "-00:00":
        return None
    try:
        return datetime.fromisoformat(match[1] + (match[2] or "")[:7] + match[3].replace("Z", "+00:00"))
    except ValueError:
        return None


def check_key(collection: str, rkey: str) -> None:
    """Refuse a collection or a record key of the wrong form."""
    if not _NSID.fullmatch(collection):
        raise invalid("Input/collection must be a valid nsid")
    if not _RECORD_KEY.fullmatch(rkey):
        raise invalid("Input/rkey must be a valid Record Key")
    if collection in TID_COLLECTIONS and not _TID.fullmatch(rkey):
        raise invalid(f"Invalid record key for {collection}: expected a valid tid, got {rkey}")


def check_record(collection: str, record: Json, find: Find) -> None:
    """Refuse a record its lexicon does not allow."""
    if record.get("$type") != collection:
        raise invalid(f"Invalid $type: expected {collection}, got {record.get('$type')}")
    if collection == POST:
        _check_post(record, find)
    elif collection in {LIKE, REPOST}:
        _check_created_at(record)
        _strong_ref(record.get("subject"), "Record/subject")


def check_text(value: object, name: str, *, graphemes: int, octets: int) -> str:
    """Refuse a text that is none, or too long by either measure."""
    text = _text(value, name)
    if len(_utf8(text, name)) > octets:
        raise invalid(f"{name} must not be longer than {octets} characters")
    if len(regex.findall(r"\X", text)) > graphemes:
        raise invalid(f"{name} must not be longer than {graphemes} graphemes")
    return text


def check_facets(value: object, text: str) -> None:
    """Refuse facets that do not mark whole characters of this text with features known."""
    octets = text.encode()
    for number, facet in enumerate(_items(value, "Record/facets")):
        name = f"Record/facets/{number}"
        _check_slice(_fields(_fields(facet, name).get("index"), f"{name}/index"), octets, f"{name}/index")
        for feature in _items(facet.get("features"), f"{name}/features"):
            _check_feature(_fields(feature, f"{name}/features"), f"{name}/features")


def page(
    rows: Sequence[tuple[str, T]], limit: int, cursor: str | None, *, ascending: bool = False, shuffled: bool = False
) -> tuple[list[T], str | None]:
    """One page of keyed rows and the cursor of the next; ``shuffled`` pages overlap and swap neighbours."""
    ordered = sorted(rows, key=itemgetter(0), reverse=not ascending)
    last = None if cursor is None else _opened(cursor)
    rest = [row for row in ordered if last is None or (row[0] > last if ascending else row[0] < last)]
    # A page of one has no room to repeat anything and still move on.
    repeats = shuffled and last is not None and limit > 1 and len(rest) < len(ordered)
    taken = rest[: limit - 1] if repeats else rest[:limit]
    shown = [ordered[len(ordered) - len(rest) - 1], *taken] if repeats else list(taken)
    if shuffled:
        for at in range(0, len(shown) - 1, 2):
            shown[at], shown[at + 1] = shown[at + 1], shown[at]
    following = _sealed(taken[-1][0]) if taken and len(rest) > len(taken) else None
    return [item for _, item in shown], following


def _sealed(key: str) -> str:
    return base64.urlsafe_b64encode(f"page:{key}".encode()).decode()


def _opened(cursor: str) -> str:
    try:
        opened = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        opened = ""
    if not opened.startswith("page:"):
        raise invalid("Malformed cursor")
    return opened.removeprefix("page:")


def _check_post(record: Json, find: Find) -> None:
    text = check_text(record.get("text"), "Record/text", graphemes=300, octets=3000)
    _check_created_at(record)
    if "facets" in record:
        check_facets(record["facets"], text)
    if "reply" in record:
        _check_reply(_fields(record["reply"], "Record/reply"), find)
    if "embed" in record:
        _check_embed(_fields(record["embed"], "Record/embed"))
    languages = _items(record.get("langs", []), "Record/langs")
    if len(languages) > 3:
        raise invalid("Record/langs must not have more than 3 elements")
    if not all(isinstance(one, str) and _LANGUAGE.fullmatch(one) for one in languages):
        raise invalid("Record/langs must be well-formed BCP 47 language tags")
    tags = _items(record.get("tags", []), "Record/tags")
    if len(tags) > 8:
        raise invalid("Record/tags must not have more than 8 elements")
    for tag in tags:
        check_text(tag, "Record/tags", graphemes=64, octets=640)


def _check_created_at(record: Json) -> None:
    if moment_of(_text(record.get("createdAt"), "Record/createdAt")) is None:
        raise invalid("Record/createdAt must be an valid atproto datetime (both RFC-3339 and ISO-8601)")


def _check_reply(reply: Json, find: Find) -> None:
    root_uri, _ = _known_post(reply.get("root"), "Record/reply/root", find)
    _, parent = _known_post(reply.get("parent"), "Record/reply/parent", find)
    real_root = parent.record.get("reply", {}).get("root", {}).get("uri", parent.uri)
    if root_uri != real_root:
        raise invalid(f"Record/reply/root must be the root of the parent's thread, {real_root}")


def _known_post(value: object, name: str, find: Find) -> tuple[str, Record]:
    uri, cid = _strong_ref(value, name)
    post = find(uri)
    if post is None or post.collection != POST:
        raise invalid(f"{name} names no known post")
    # A strong reference names a version: any that was ever published, and for a deleted post whatever it says.
    if not post.deleted and cid not in post.cids:
        raise invalid(f"{name}/cid is no version of {uri}")
    return uri, post


def _check_embed(embed: Json) -> None:
    if embed.get("$type") not in EMBEDS:
        raise invalid(f"Record/embed $type must be one of {', '.join(EMBEDS)}")
    if embed["$type"] == "app.bsky.embed.record":
        _strong_ref(embed.get("record"), "Record/embed/record")
    if embed["$type"] == "app.bsky.embed.recordWithMedia":
        inner = _fields(embed.get("record"), "Record/embed/record")
        _strong_ref(inner.get("record"), "Record/embed/record/record")
    if embed["$type"] == "app.bsky.embed.images":
        images = _items(embed.get("images"), "Record/embed/images")
        if len(images) > 4:
            raise invalid("Record/embed/images must not have more than 4 elements")
        for image in images:
            _text(_fields(image, "Record/embed/images").get("alt"), "Record/embed/images/alt")


def _check_slice(index: Json, octets: bytes, name: str) -> None:
    start, end = index.get("byteStart"), index.get("byteEnd")
    if type(start) is not int or type(end) is not int:
        raise invalid(f"{name} must have the integers byteStart and byteEnd")
    if not 0 <= start < end <= len(octets):
        raise invalid(f"{name} {start}..{end} is not within the {len(octets)} bytes of the text")
    if any(at < len(octets) and octets[at] & 0xC0 == 0x80 for at in (start, end)):
        raise invalid(f"{name} {start}..{end} cuts a character in two")


def _check_feature(feature: Json, name: str) -> None:
    match feature.get("$type"):
        case "app.bsky.richtext.facet#mention":
            if not _DID.fullmatch(_text(feature.get("did"), f"{name}/did")):
                raise invalid(f"{name}/did must be a valid did")
        case "app.bsky.richtext.facet#link":
            if not _URI.fullmatch(_text(feature.get("uri"), f"{name}/uri")):
                raise invalid(f"{name}/uri must be a uri")
        case "app.bsky.richtext.facet#tag":
            check_text(feature.get("tag"), f"{name}/tag", graphemes=64, octets=640)
        case other:
            raise invalid(f"{name} $type {other} is not known")


def _strong_ref(value: object, name: str) -> tuple[str, str]:
    reference = _fields(value, name)
    uri, cid = _text(reference.get("uri"), f"{name}/uri"), _text(reference.get("cid"), f"{name}/cid")
    if not uri.startswith("at://") or not cid.startswith("baf"):
        raise invalid(f"{name} must be a valid strong reference")
    return uri, cid


def _utf8(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as half:
        raise invalid(f"{name} must be well-formed Unicode") from half


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"{name} must be a string")
    return value


def _items(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(f"{name} must be an array")
    return value


def _fields(value: object, name: str) -> Json:
    if not isinstance(value, dict):
        raise invalid(f"{name} must be an object")
    return value
