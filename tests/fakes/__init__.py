"""Stand-ins for the networks the product talks to, for tests."""
