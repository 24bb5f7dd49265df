"""The desk: people, tickets, answers. Knows no platform and no article."""
