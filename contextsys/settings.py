"""All configuration. Every environment variable is read here, once (CONTRACT §1)."""

from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from contexts.identifiers import is_context_id
from contextsys import environment, logs
from contextsys.environment import env

BASE_DIR = Path(__file__).resolve().parent.parent

CONTEXTSYS_HOME = Path(env.str("CONTEXTSYS_HOME", "") or BASE_DIR / "var").resolve()
CONTEXTSYS_ORGANIZATION: str = env.str("CONTEXTSYS_ORGANIZATION", "global")
CONTEXTSYS_MAX_DOCUMENT_BYTES = environment.positive(
    "CONTEXTSYS_MAX_DOCUMENT_BYTES", 2**20, most=2**26
)
CONTEXTSYS_HISTORY_DAYS = environment.positive("CONTEXTSYS_HISTORY_DAYS", 90, most=36_500)
CONTEXTSYS_REDACT = environment.flag("CONTEXTSYS_REDACT", True)
CONTEXTSYS_PATTERNS = environment.file("CONTEXTSYS_PATTERNS", CONTEXTSYS_HOME / "patterns.toml")
CONTEXTSYS_CLOUD_URL = environment.url("CONTEXTSYS_CLOUD_URL", ("http", "https"))
CONTEXTSYS_CLOUD_KEY: str = env.str("CONTEXTSYS_CLOUD_KEY", "")
CONTEXTSYS_CLOUD_INSECURE = environment.flag("CONTEXTSYS_CLOUD_INSECURE", False)
CONTEXTSYS_REDIS_URL = environment.url("REDIS_URL", ("redis", "rediss", "unix"))
_BROKER_URL = environment.url(
    "CELERY_BROKER_URL", ("redis", "rediss", "amqp", "amqps", "pyamqp", "sqs")
)
CONTEXTSYS_EMBEDDED_CELERY = not _BROKER_URL

if not is_context_id(CONTEXTSYS_ORGANIZATION, 50):
    raise ImproperlyConfigured(
        f"CONTEXTSYS_ORGANIZATION is {CONTEXTSYS_ORGANIZATION!r}; it must be 1 to 50 characters: "
        "first a letter or digit, then letters, digits and . _ : @ -"
    )

SECRET_KEY = environment.secret_key(CONTEXTSYS_HOME)
DEBUG = environment.flag("CONTEXTSYS_DEBUG", False)
ALLOWED_HOSTS = environment.hosts("CONTEXTSYS_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
# Behind a proxy that ends TLS, browsers come from https although the proxy asks by http.
CSRF_TRUSTED_ORIGINS = [
    f"https://{'*' if host.startswith('.') else ''}{host}" for host in ALLOWED_HOSTS if host != "*"
]
# Anyone may say so: it decides only how addresses in answers begin, and makes CSRF checks stricter.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "contexts",
    "syncing",
    "contextsys",
]

MIDDLEWARE = [
    "contextsys.middleware.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "contextsys.urls"
ASGI_APPLICATION = "contextsys.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

DATABASES = {"default": environment.database(CONTEXTSYS_HOME)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# A Redis that hangs may cost a request 200 ms once, then `contexts.cache` leaves it alone.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    if not CONTEXTSYS_REDIS_URL
    else {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": CONTEXTSYS_REDIS_URL,
        "KEY_PREFIX": "contextsys",
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 0.2, "SOCKET_TIMEOUT": 0.2},
    }
}
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    if not CONTEXTSYS_REDIS_URL
    else {
        # Not RedisChannelLayer: it loses idle connections under redis-py 8.
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [CONTEXTSYS_REDIS_URL],
            # Redis' databases share their channels: those of another deployment are not ours.
            "prefix": f"contextsys/{urlsplit(CONTEXTSYS_REDIS_URL).path.strip('/') or 0}",
        },
    }
}

CELERY_BROKER_URL = _BROKER_URL or "memory://localhost/"
if CONTEXTSYS_EMBEDDED_CELERY:
    # How often the worker's thread looks for tasks; a second would be most of a sync.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"polling_interval": 0.05}
elif _BROKER_URL.startswith("redis"):
    # Without them a Redis that vanished holds up who sends for as long as TCP keeps trying.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 10.0, "socket_connect_timeout": 3.0}
# Others may use the broker too, and Celery's own name for the queue.
CELERY_TASK_DEFAULT_QUEUE = "contextsys"
# One follows the hub, one pushes to it, the others are for what comes now and then. None may be
# kept for a busy one: whatever is lost the schedule brings again, but seconds later.
CELERY_WORKER_CONCURRENCY = 4
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Of no effect on tasks that are acknowledged at once, as ours are; unset, it warns.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BEAT_SCHEDULER = "contextsys.beat:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(CONTEXTSYS_HOME / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "expire idempotency records": {
        "task": "contexts.tasks.expire_idempotency_records",
        "schedule": 3600.0,
    },
    "finish large calls": {
        "task": "contexts.tasks.finish_calls",
        "schedule": 10.0,
        "options": {"expires": 60.0},
    },
    "compact history": {"task": "contexts.tasks.compact_history", "schedule": 24 * 3600.0},
    "expire receipts": {"task": "syncing.tasks.expire_receipts", "schedule": 24 * 3600.0},
}
if CONTEXTSYS_CLOUD_URL:
    # What piled up while there was no worker need not all run. By the clock of the worker, which
    # may be another machine's: a minute is more than clocks that are kept right are apart.
    CELERY_BEAT_SCHEDULE |= {
        name: {"task": task, "schedule": 2.0, "options": {"expires": 60.0}}
        for name, task in (
            ("sweep the journal", "syncing.tasks.sweep_journal"),
            ("follow the hub", "syncing.tasks.follow_hub"),
        )
    }

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True

# The API reads its bodies itself, against its own limits; this one guards the admin's forms.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * CONTEXTSYS_MAX_DOCUMENT_BYTES
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "contexts.authentication.AgentKeyAuthentication",
        "contexts.authentication.HumanSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    # Only told of (OPTIONS): the views read their bodies themselves.
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "contexts.views.schema.Schema",
    "EXCEPTION_HANDLER": "contexts.views.errors.answer_error",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "contexts.views.negotiation.ByQuality",
    "URL_FORMAT_OVERRIDE": None,
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "contextsys",
    "DESCRIPTION": "Shared context for coding agents: organization, project, branch and task.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,
    "POSTPROCESSING_HOOKS": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
}

LOGGING_CONFIG = None
CONTEXTSYS_LOG_LEVEL = environment.choice(
    "CONTEXTSYS_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
)
CONTEXTSYS_LOG_FORMAT = environment.choice("CONTEXTSYS_LOG_FORMAT", "text", ("text", "json"))
logs.configure(CONTEXTSYS_LOG_LEVEL, CONTEXTSYS_LOG_FORMAT)
