"""Stands in the browser's Python for piplite, through which the kernel gets packages.

All there are come with the start of the kernel, and there is no index of others.
"""

SAYS = "Nothing can be installed here: this Python has NumPy and matplotlib, and no network."


async def install(*names, **options):
    pass


async def get_transformed_code(words):
    """What runs in the place of `%pip`."""
    return f"print({SAYS!r})"
