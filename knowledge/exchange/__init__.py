"""Articles as files: brought in from a folder or a table, and written out again so that they can be brought in elsewhere."""
