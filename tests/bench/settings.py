"""The house's own settings, with the bare views of the baselines beside its addresses."""

from helpdesk.conf.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.urls"
