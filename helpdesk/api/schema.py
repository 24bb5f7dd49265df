"""What drf-spectacular cannot see: every operation may answer with a problem, and ids are whole numbers."""

from __future__ import annotations

from typing import Any

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `errors` names each field that will not do.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("field", "code", "message")},
            },
        },
    },
}
REFUSALS = {
    "400": "A field or filter will not do, or the body is none.",
    "401": "No token, or none that is good.",
    "403": "The role or the token's scope does not reach this.",
    "404": "Not there, or not yours to see.",
    "405": "This method is not for this address.",
    "409": "The state of things does not allow it.",
    "413": "The body is larger than 1 MB.",
    "415": "The body is not JSON.",
    "422": "The Idempotency-Key was used for another request.",
    "429": "Slow down; Retry-After says how long.",
}
WRITES = {"409", "413", "415", "422"}
METHODS = ("get", "post", "patch", "put", "delete")


def tell_all(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, item in result["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            for status, words in REFUSALS.items():
                if method != "get" or status not in WRITES:
                    operation["responses"].setdefault(status, {"description": words, "content": content})
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "id" and parameter["in"] == "path" and "/api/v1/" in path:
                    parameter["schema"] = {"type": "integer", "format": "int64", "minimum": 0}
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request"):
            schema["additionalProperties"] = False
    return result
