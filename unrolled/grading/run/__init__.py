"""A student's code in a sandbox: processes, limits, and what passes between them."""
