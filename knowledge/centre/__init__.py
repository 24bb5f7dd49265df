"""What customers see: the help centre of a brand, in its languages. No log-in, no cookie until somebody votes or asks."""
