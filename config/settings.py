"""All settings, from the environment.  Defaults make the embedded demo work; production refuses unsafe values."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import environ

from config import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent
MODE = env.mode()
PRODUCTION = MODE == "production"
REINS_DATA_DIR = Path(os.environ.get("REINS_DATA_DIR", BASE_DIR / ".reins"))
REINS_DATA_DIR.mkdir(parents=True, exist_ok=True)
REINS_ROLE = os.environ.get("REINS_ROLE", "all")  # all, pages, robots, inference: what this process serves
if REINS_ROLE not in ("all", "pages", "robots", "inference"):
    raise env.Unsafe(f"REINS_ROLE is {REINS_ROLE!r}; use all, pages, robots or inference.")

SECRET_KEY = env.secret_key(REINS_DATA_DIR)
DEBUG = env.flag("REINS_DEBUG", False)
if PRODUCTION and DEBUG:
    raise env.Unsafe("REINS_DEBUG=1 shows secrets to visitors and is refused in production.")
ALLOWED_HOSTS = env.words("REINS_HOSTS", "" if PRODUCTION else "*")
if PRODUCTION and (not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS):
    raise env.Unsafe("REINS_HOSTS must list the host names of this site in production; '*' is refused.")
REINS_TRUSTED_PROXY = env.flag("REINS_TRUSTED_PROXY", False)  # all requests come through one proxy of ours, none around it
CSRF_TRUSTED_ORIGINS = env.words("REINS_ORIGINS")

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "axes",
    "django_celery_beat",
    "django_vite",
    "config.apps.ConfigApp",
    "fleet.apps.FleetApp",
    "episodes.apps.EpisodesApp",
    "teleop.apps.TeleopApp",
    "dispatch.apps.DispatchApp",
    "policies.apps.PoliciesApp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.security.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "fleet.edge.TypedApiErrors",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "frontend" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "fleet.context.shell",
            ],
        },
    }
]

# -- database -------------------------------------------------------------------------------------
_reader = environ.Env()
DATABASES = {"default": _reader.db_url("DATABASE_URL", default=f"sqlite:///{REINS_DATA_DIR / 'reins.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    if PRODUCTION:
        raise env.Unsafe("DATABASE_URL must name a PostgreSQL database in production; SQLite is for one machine.")
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Redis: wakes and relays, never the truth -----------------------------------------------------
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
if PRODUCTION:
    env.required("REDIS_URL", "sockets, presence and Celery need it.")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "fleet.channel_layer.PatientLayer",
        "CONFIG": {
            "hosts": [{"address": REDIS_URL, "socket_timeout": 8, "socket_connect_timeout": 2}],
            "capacity": 500,
            "expiry": 10,
            "prefix": f"reins-{MODE}",
        },
    }
}

ROBOT_MESSAGES = "config.robot_messages.HANDLERS"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": f"reins-{MODE}",
    }
}

# -- Celery ---------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False  # the row is the truth; the message only says "look at row N"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = True  # a worker that serves for half an hour must not sit on the next word meanwhile
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "global_keyprefix": f"reins-{MODE}-",
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "default"
# an export may take hours: it has workers of its own, so that it holds up no check and no erasure
CELERY_TASK_ROUTES = {
    "episodes.dataset_job": {"queue": "datasets"},
    "policies.serve": {"queue": "inference"},  # up to half an hour each
    "policies.train": {"queue": "train"},  # hours
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "check episodes that nobody checks": {"task": "episodes.reconcile", "schedule": 15.0, "options": {"expires": 15}},
    "begin work on datasets that nobody does": {
        "task": "episodes.reconcile_datasets",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "push kept episodes to the object store": {"task": "episodes.store", "schedule": 30.0, "options": {"expires": 30}},
    "begin servers of policies that robots ask": {
        "task": "policies.reconcile_servers",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "begin trainings that nobody does": {
        "task": "policies.reconcile_trainings",
        "schedule": 5.0,
        "options": {"expires": 10},
    },
    "write the audit log's head": {"task": "fleet.jobs.write_audit_head", "schedule": 24 * 3600.0},
    "keep episodes as long as their site says": {"task": "episodes.retention", "schedule": 24 * 3600.0},
    "go on with deleting a person's episodes": {"task": "episodes.erasures", "schedule": 30.0, "options": {"expires": 30}},
    "take back starts that no robot answered": {"task": "dispatch.take_back", "schedule": 10.0, "options": {"expires": 10}},
    "forget the pictures of old requests for help": {"task": "dispatch.forget_clips", "schedule": 24 * 3600.0},
    "forget old enrolment codes": {"task": "fleet.jobs.forget_old_codes", "schedule": 24 * 3600.0},
}

# -- people ---------------------------------------------------------------------------------------
AUTH_USER_MODEL = "fleet.Person"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "registration/lockout.html"
AXES_VERBOSE = False
CSRF_FAILURE_VIEW = "config.security.csrf_missing"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
if PRODUCTION:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.flag("REINS_SSL_REDIRECT", True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
X_FRAME_OPTIONS = "DENY"

# -- files ----------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("REINS_STATIC_DIR", BASE_DIR / ".static"))
STATICFILES_DIRS = [path for path in (BASE_DIR / "frontend" / "dist",) if path.is_dir()]
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = False
WHITENOISE_KEEP_ONLY_HASHED_FILES = False
DJANGO_VITE = {"default": {"dev_mode": False, "manifest_path": BASE_DIR / "frontend" / "dist" / "manifest.json"}}
REINS_MEDIA_DIR = Path(os.environ.get("REINS_MEDIA_DIR", REINS_DATA_DIR / "media"))
REINS_MEDIA_QUOTA_MB = env.number("REINS_MEDIA_QUOTA_MB", 0)  # 0: only the free space of the disk limits
REINS_MEDIA_RESERVE_MB = env.number("REINS_MEDIA_RESERVE_MB", 200)  # kept free for the database and the logs
REINS_S3_BUCKET = os.environ.get("REINS_S3_BUCKET", "")  # kept episodes go there; credentials as boto3 finds them
REINS_S3_CACHE_MB = env.number("REINS_S3_CACHE_MB", 50_000)  # of them on the disk besides
REINS_POLICIES_DIR = REINS_MEDIA_DIR / "policies"  # so that a backup holds them
REINS_TRAIN_PROCESSES = env.number("REINS_TRAIN_PROCESSES", 1)  # of one training; with several GPUs one for each
REINS_SERVERS_PER_POLICY = env.count("REINS_SERVERS_PER_POLICY", 2)  # at most
REINS_SERVING_BATCH = env.count("REINS_SERVING_BATCH", 8)  # robots that are answered at once
REINS_SERVING_WAIT_MS = env.number("REINS_SERVING_WAIT_MS", 10)  # that the first of a batch waits for company
REINS_SERVING_THREADS = env.count("REINS_SERVING_THREADS", 1)  # of PyTorch in each server
REINS_SERVING_DEVICE = os.environ.get("REINS_SERVING_DEVICE", "auto")  # auto: a GPU where there is one
if REINS_SERVING_DEVICE not in ("auto", "cpu", "cuda"):
    raise env.Unsafe(f"REINS_SERVING_DEVICE is {REINS_SERVING_DEVICE!r}; use auto, cpu or cuda.")
STORAGES = {**env.object_store(REINS_S3_BUCKET)}
REINS_VERSION_USERS = ("policies.reading.lineage.users_of",)  # functions: ids of dataset versions -> what was made from them
BODY_LIMIT = 3 * 1024 * 1024  # bytes of one request; refused while it arrives
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT

# -- live link ------------------------------------------------------------------------------------
REINS_ICE_SERVERS = env.words("REINS_ICE_SERVERS")  # stun:host or turn:host; empty by default, no public server is asked
REINS_TURN_SECRET = os.environ.get("REINS_TURN_SECRET", "")  # shared with coturn (static-auth-secret)
REINS_TURN_TTL_S = 600
REINS_DEMO = env.flag("REINS_DEMO", False)
if PRODUCTION and REINS_DEMO:
    raise env.Unsafe("REINS_DEMO=1 makes people with known passwords and is refused in production.")

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("REINS_LOG_LEVEL", "WARNING")},
    "loggers": {"axes": {"level": "ERROR"}},
}
UNFOLD = {"SITE_TITLE": "Reins", "SITE_HEADER": "Reins", "SITE_URL": "/", "SHOW_HISTORY": False}

if MODE == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Small static files are read by a sync iterator in a thread; big files never leave that way (episodes/media.py).
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
