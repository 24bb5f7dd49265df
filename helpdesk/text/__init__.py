"""Pure functions on text, for every app."""
