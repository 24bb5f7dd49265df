"""The Celery application: wiring only. What runs is in each app's `tasks.py`; what is due is a row."""

import logging.config
import os
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "helpdesk.conf.settings")

from django.conf import settings

# Fine in a container; who runs it as root elsewhere reads it in the docs, not at every start.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("helpdesk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=2000,
    worker_max_memory_per_child=400_000,  # KB; word vectors and what groups them take half of it
    task_time_limit=300,
    task_soft_time_limit=240,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_default_queue="wake",
    # each queue with an exchange of its own: on a shared one every message would go to all three
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in ("deliver", "wake", "poll")],
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.2},
    # Beat wakes, it decides nothing: each tick looks for due rows.
    beat_schedule={
        "look-for-due-work": {"task": "mentions.tasks.wake", "schedule": float(settings.TICK_SECONDS)},
        "look-up-the-ladder": {"task": "helpdesk.tasks.look", "schedule": float(settings.TICK_SECONDS)},
        "look-for-alike": {"task": "helpdesk.tasks.look_for_alike", "schedule": 30.0},
        "catch-up-on-likeness": {"task": "helpdesk.tasks.catch_up_on_likeness", "schedule": 3600.0},
        "look-after-the-help-centre": {"task": "knowledge.tasks.look", "schedule": 30.0},
        "look-for-topics": {"task": "knowledge.tasks.look_for_topics", "schedule": 600.0},
        "check-links": {"task": "knowledge.tasks.check_links", "schedule": 7 * 86_400.0},
        "tidy": {"task": "mentions.tasks.tidy", "schedule": 3600.0},
    },
)
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**kwargs: object) -> None:
    """Celery would replace the log handlers of settings.py; this receiver being there stops it."""
    logging.config.dictConfig(settings.LOGGING)
