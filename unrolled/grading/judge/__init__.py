"""From what a run gave to marks; nothing here runs a student's code."""
