import os
import warnings

from django.core.asgi import get_asgi_application

# whitenoise streams files from plain iterators, which is fine for their size
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators", Warning)
os.environ.setdefault("HELPDESK_DATABASE_POOL", "true")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.conf.settings")
application = get_asgi_application()
