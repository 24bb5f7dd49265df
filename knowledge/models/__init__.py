"""One file per room; import from here."""

from knowledge.models.article import (
    READABLE,
    Article,
    BrokenLink,
    Edition,
    OldAddress,
    Passage,
    Picture,
    Revision,
    SearchEntry,
    Visible,
)
from knowledge.models.centre import DEFAULT_COLOUR, Category, HelpCentre, colour, host_name
from knowledge.models.idea import Idea, Vote
from knowledge.models.reading import CameFrom, Digest, Feedback, Handed, Reading, Search
from knowledge.models.topic import Advice, Clustering, Draft, Inquiry, Learner, Topic

__all__ = [
    "DEFAULT_COLOUR",
    "READABLE",
    "Advice",
    "Article",
    "BrokenLink",
    "CameFrom",
    "Category",
    "Clustering",
    "Digest",
    "Draft",
    "Edition",
    "Feedback",
    "Handed",
    "HelpCentre",
    "Idea",
    "Inquiry",
    "Learner",
    "OldAddress",
    "Passage",
    "Picture",
    "Reading",
    "Revision",
    "Search",
    "SearchEntry",
    "Topic",
    "Visible",
    "Vote",
    "colour",
    "host_name",
]
