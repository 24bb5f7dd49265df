import os
import warnings

from django.conf import settings
from django.core.asgi import get_asgi_application

from helpdesk.conf.bodies import BoundedBodies

# whitenoise streams files from plain iterators, which is fine for their size
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators", Warning)
os.environ.setdefault("HELPDESK_DATABASE_POOL", "true")
# a search's products of matrices are small: threads of BLAS that wait for each other cost three times what they save
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.conf.settings")
application = BoundedBodies(get_asgi_application(), settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.PICTURE_PATHS)
