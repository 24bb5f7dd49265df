"""The one settings file. Everything that differs between machines comes from the environment (`.env.example`).

Without any variable this is the *embedded* way to run: SQLite, a broker in files, all under `var/`.
With `DATABASE_URL` and `REDIS_URL` it is the *services* way. The code is the same.
"""

from pathlib import Path
from typing import Any

import structlog
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from helpdesk.conf.env import Env, kept_secret, private_folder
from helpdesk.conf.logs import without_rows

BASE_DIR = Path(__file__).resolve().parents[2]
env = Env()

# --- where things are kept -------------------------------------------------------------------------------------
DATA_DIR = private_folder(Path(env.text("HELPDESK_DATA", str(BASE_DIR / "var"))).expanduser().resolve())
SECRET_KEY = env.text("HELPDESK_SECRET_KEY") or kept_secret(DATA_DIR / "secret.key")
SEAL_KEYS = env.seal_keys("HELPDESK_SEAL_KEYS", DATA_DIR / "seal.key")
MEDIA_ROOT = DATA_DIR / "media"

# --- who may reach us, and whom we may reach -------------------------------------------------------------------
DEBUG = env.flag("HELPDESK_DEBUG", False)
ALLOWED_HOSTS = env.words("HELPDESK_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
BASE_URL = env.text("HELPDESK_BASE_URL")
HTTPS = env.flag("HELPDESK_HTTPS", False)
ALLOW_NETS = env.nets("HELPDESK_ALLOW_NETS")
CSRF_TRUSTED_ORIGINS = [BASE_URL] if BASE_URL else []
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
BEHIND_PROXY = env.flag("HELPDESK_BEHIND_PROXY", False)
if BEHIND_PROXY:  # only then are the proxy's headers believed
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_AGE = 14 * 24 * 3600
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# where pictures come in, of 10 MB each, with what a form says beside them
PICTURE_PATHS = dict.fromkeys(
    ("/desk/articles/pictures/", "/desk/articles/exchange/", "/desk/help-centre/"), 11 * 1024 * 1024
)

# --- the house -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "csp",
    "corsheaders",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "helpdesk.apps.HelpdeskConfig",
    "mentions.apps.MentionsConfig",
    "knowledge.apps.KnowledgeConfig",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "knowledge.middleware.OwnDomainMiddleware",
    "helpdesk.desk.middleware.SaneCookieMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "helpdesk.api.middleware.AddressMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "helpdesk.desk.middleware.UserTimeZoneMiddleware",
]
ROOT_URLCONF = "helpdesk.conf.urls"
ASGI_APPLICATION = "helpdesk.conf.asgi.application"
WSGI_APPLICATION = "helpdesk.conf.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "helpdesk" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- database --------------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {"default": env.database("DATABASE_URL", DATA_DIR / "helpdesk.sqlite3")}
_db = DATABASES["default"]
EMBEDDED_DATABASE = _db["ENGINE"].endswith("sqlite3")
POOLED = env.flag("HELPDESK_DATABASE_POOL", False)
if EMBEDDED_DATABASE:
    _db["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32000;",
    }
    _db["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}  # a file, so that worker processes see it too
else:
    _db["ENGINE"] = "django.db.backends.postgresql"
    _db["CONN_HEALTH_CHECKS"] = True
    _db["OPTIONS"] = {**_db.get("OPTIONS", {}), "application_name": "helpdesk"}
    # Under ASGI a thread lives for one request, and so would its connection: the web process (asgi.py) shares some.
    # Workers do not: a pool does not survive their fork.
    if POOLED:  # the web: no question of a page is worth more than this
        _db["OPTIONS"]["options"] = f"{_db['OPTIONS'].get('options', '')} -c statement_timeout=30000".strip()
        _db["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 20, "timeout": 20}
    else:
        _db["CONN_MAX_AGE"] = 60
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- background ------------------------------------------------------------------------------------------------
REDIS_URL = env.redis("REDIS_URL")
if REDIS_URL:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {"visibility_timeout": 1800, "socket_timeout": 30}
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "helpdesk"}}
    _broker = private_folder(DATA_DIR / "broker")
    CELERY_BROKER_URL = "filesystem://localhost"
    CELERY_BROKER_TRANSPORT = "helpdesk.conf.broker:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(private_folder(_broker / "queue")),
        "data_folder_out": str(private_folder(_broker / "queue")),
        "control_folder": str(private_folder(_broker / "control")),
        "polling_interval": 0.1,  # kombu's default takes one message a second
    }
WORKER_PROCESSES = env.number("HELPDESK_WORKER_PROCESSES", 2, low=1, high=64)
# How often beat wakes the workers to look for due rows, in seconds. A wake-up lost costs one tick.
TICK_SECONDS = env.number("HELPDESK_TICK_SECONDS", 2, low=1, high=60)
# How long a claimed row belongs to its worker, in seconds. Longer than the longest honest piece of work.
LEASE_SECONDS = env.number("HELPDESK_LEASE_SECONDS", 120, low=2, high=3600)
# The longest a whole request to a platform may take, in seconds, from DNS to the last byte.
REQUEST_SECONDS = env.number("HELPDESK_REQUEST_SECONDS", 20, low=1, high=300)
DEMO = env.flag("HELPDESK_DEMO", False)
# How often a web process writes down how often articles were read, in seconds; 0: at once.
HELP_COUNT_SECONDS = env.number("HELPDESK_COUNT_SECONDS", 5, low=0, high=3600)
# An OpenAI-compatible server that may polish drafts of articles; empty: none, and nothing is missing.
LLM_BASE_URL = env.text("LLM_BASE_URL").rstrip("/")
LLM_API_KEY, LLM_MODEL = env.text("LLM_API_KEY"), env.text("LLM_MODEL", "default")

# --- mail: password links ---------------------------------------------------------------------------------------
MAIL = env.mail("HELPDESK_MAIL_URL")
EMAIL_BACKEND = MAIL.get("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend")
EMAIL_HOST, EMAIL_PORT = MAIL.get("EMAIL_HOST", ""), MAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL.get("EMAIL_HOST_USER") or "", MAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL.get("EMAIL_USE_TLS", False), MAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("HELPDESK_MAIL_FROM", "helpdesk@localhost")

# --- people ----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "helpdesk.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "helpdesk.desk.accounts.ClosedAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key"}
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = "/desk/"
LOGOUT_REDIRECT_URL = LOGIN_URL

# --- words and times -------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "helpdesk" / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = private_folder(DATA_DIR / "static")
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# --- what a browser may load -----------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
    }
}
# The desk stands on django-unfold, whose Alpine build compiles attributes: unsafe-eval there, and only there.
DESK_CSP = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}

# --- API -------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "helpdesk.api.auth.TokenAuthentication",
        "helpdesk.api.auth.DeskSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["helpdesk.api.permissions.RolePermission"],
    "DEFAULT_PAGINATION_CLASS": "helpdesk.api.pagination.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "helpdesk.api.negotiation.OneTongue",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_PARSER_CLASSES": ["helpdesk.api.parsers.SaneJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "helpdesk.api.problems.problem_response",
    "PAGE_SIZE": 25,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Helpdesk API",
    "DESCRIPTION": "Tickets from every place customers talk, and the answers to them. See docs/api.md.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "helpdesk.api.schema.tell_all"],
    "ENUM_NAME_OVERRIDES": {
        "TicketStateEnum": "helpdesk.states.TicketState",
        "DeliveryStateEnum": "helpdesk.states.PartState",
        "VisibilityEnum": "helpdesk.models.Visibility",
        "RoleEnum": "helpdesk.permissions.Role",
        "ReplyVisibilityEnum": ["public", "private"],
        "CloseReasonEnum": "helpdesk.models.CloseReason",
        "IntentEnum": "helpdesk.text.triage.Intent",
        "PriorityEnum": "helpdesk.models.Priority",
        "EscalationOutcomeEnum": "helpdesk.models.Escalation.Outcome",
        "ApprovalOutcomeEnum": "helpdesk.models.Approval.Outcome",
        "FollowUpOutcomeEnum": "helpdesk.models.FollowUp.Outcome",
        "FollowUpKindEnum": "helpdesk.models.FollowUp.Kind",
        "DeadlineKindEnum": "helpdesk.models.Deadline.Kind",
        "ConcessionKindEnum": "helpdesk.models.Concession.Kind",
        "SurveyStateEnum": "helpdesk.models.Survey.State",
        "StatementKindEnum": "helpdesk.models.Statement.Kind",
        "EditionStateEnum": "knowledge.states.EditionState",
        "IdeaStateEnum": "knowledge.states.IdeaState",
        "TopicStateEnum": "knowledge.models.Topic.State",
        "GuardEnum": "helpdesk.workflow.guards.GUARDS",
    },
}

# which sites may read what is public of the help centre is each brand's to say: knowledge.api.sites
CORS_URLS_REGEX = r"^/api/v1/help/"
CORS_ALLOW_METHODS = ["GET", "HEAD", "OPTIONS"]
CORS_ALLOW_HEADERS = ["accept", "content-type", "if-none-match"]
CORS_EXPOSE_HEADERS = ["etag", "retry-after"]

# --- the desk --------------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": _("Helpdesk"),
    "SITE_HEADER": _("Helpdesk"),
    "SITE_SYMBOL": "forum",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/desk/icon.svg"}],
    "SITE_URL": "/help/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": False,
    "BORDER_RADIUS": "8px",
    "STYLES": ["/static/desk/desk.css"],
    "SCRIPTS": ["/static/desk/desk.js"],
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": [],
    },
    "COLORS": {
        "primary": {
            "50": "238 242 255",
            "100": "224 231 255",
            "200": "199 210 254",
            "300": "165 180 252",
            "400": "129 140 248",
            "500": "99 102 241",
            "600": "79 70 229",
            "700": "67 56 202",
            "800": "55 48 163",
            "900": "49 46 129",
            "950": "30 27 75",
        }
    },
}

# --- logs: one JSON line each -----------------------------------------------------------------------------------
LOG_LEVEL = env.log_level("HELPDESK_LOG_LEVEL")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": [
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                without_rows,
                structlog.processors.JSONRenderer(),  # escapes line breaks and control characters
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "httpcore": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},  # who asks for what is not there is no news
        # a line for each wake-up, each poll, each reply: only where somebody asked for it
        **{
            name: {"level": "DEBUG" if LOG_LEVEL == "DEBUG" else "WARNING"}
            for name in ("celery.worker.strategy", "celery.app.trace", "celery.beat")
        },
        "django.server": {"handlers": ["console"], "level": LOG_LEVEL, "propagate": False},
    },
}

# Read by the tests (where real data and servers stand), never by the application.
env.text("HELPDESK_SHARED")
env.finish()
