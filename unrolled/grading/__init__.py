"""For instructors: hand out a lab, collect it, grade it in a sandbox, report the marks.

A room for each stage: `assign`, `intake`, `run`, `judge`, `store`, `tell`. `model` says what they
hand to one another.
"""
