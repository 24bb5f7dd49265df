"""What this app answers through helpdesk's ports. Called once, when the app is ready."""

from __future__ import annotations


def plug_in() -> None:
    pass
