"""For instructors: hand out a lab, collect it, grade it in a sandbox, report the marks.

`model` says what the parts hand to one another.
"""
