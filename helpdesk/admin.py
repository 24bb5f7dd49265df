"""Django's autodiscovery finds the desk's admin pages here."""

from helpdesk.desk import admin

__all__ = ["admin"]
