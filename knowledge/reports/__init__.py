"""Questions asked of what the help centre knows."""
