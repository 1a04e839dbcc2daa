"""What came back: downloads of any system, read without running anything, as Submissions."""
