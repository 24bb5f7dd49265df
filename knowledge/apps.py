from django.apps import AppConfig
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _


class KnowledgeConfig(AppConfig):
    name = "knowledge"
    verbose_name = _("Help centre")

    def ready(self) -> None:
        import_string("knowledge.plugs.plug_in")()
