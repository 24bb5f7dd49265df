"""What customers really ask → inquiries → topics → drafts of articles."""
