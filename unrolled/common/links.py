"""Links to chapters in a notebook that leaves the repository."""

import re

LINK = re.compile(r"\[([^\]]+)\]\(\.\./chapters/([\w-]+)\.md(?:#[\w-]*)?\)")


def linked(text, book=None):
    """`text` with its links to chapters leading to the site at `book`, or, without it, as text."""
    if not book:
        return LINK.sub(r"\1", text)
    return LINK.sub(rf"[\1]({book.rstrip('/')}/chapters/\2.html)", text)
