import os
import warnings

from django.conf import settings
from django.core.asgi import get_asgi_application

from helpdesk.conf.bodies import BoundedBodies

# whitenoise streams files from plain iterators, which is fine for their size
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators", Warning)
os.environ.setdefault("HELPDESK_DATABASE_POOL", "true")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.conf.settings")
application = BoundedBodies(get_asgi_application(), settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.PICTURE_PATHS)
