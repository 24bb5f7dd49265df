"""What X charges, in millionths of a dollar (list of August 2026; pay-per-use)."""

from __future__ import annotations

POST_READ, OWNED_READ, DIRECT_READ = 5_000, 1_000, 10_000
POST, POST_WITH_LINK, SUMMONED_REPLY, DIRECT = 15_000, 200_000, 10_000, 15_000
