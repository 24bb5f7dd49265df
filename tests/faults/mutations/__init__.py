"""Patches that each remove one defence; `python -m tests.faults.mutations` shows that its test turns red."""
