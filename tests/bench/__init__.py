"""What `make bench` measures: intake, pages and memory, on PostgreSQL and on SQLite, against bare baselines."""
