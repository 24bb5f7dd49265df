"""What `make bench` measures: intake, pages, memory and the help centre, on PostgreSQL and on SQLite, against bare baselines."""
