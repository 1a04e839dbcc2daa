"""What strangers wrote, cut to a length and a number that pages and tables can bear."""

LONGEST = 300  # characters of a note, a reason, a line of feedback
MOST = 10  # of them beside one name
LONGEST_TEXT = 20_000  # characters of an answer in words
LONGEST_CELL = 2_000  # characters of one value in a table


def clipped(text, longest=LONGEST):
    """The text, or its beginning and how much more there is."""
    more = len(text) - longest
    return text if more <= 0 else f"{text[:longest]}… and {more:,} more characters"


def few(items, most=MOST, longest=LONGEST):
    """The first of the texts, each clipped, and how many more there are."""
    kept = tuple(clipped(one, longest) for one in items[:most])
    more = len(items) - most
    return kept if more <= 0 else (*kept, f"and {more:,} more")
