from django.apps import AppConfig
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _


class MentionsConfig(AppConfig):
    name = "mentions"
    verbose_name = _("Mentions")

    def ready(self) -> None:
        import_string("mentions.plugs.plug_in")()
