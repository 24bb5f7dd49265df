"""The help centre, and what it learns. Stands above `helpdesk`."""
