"""What strangers, and colleagues of another brand, may try; one file for each kind of harm."""
