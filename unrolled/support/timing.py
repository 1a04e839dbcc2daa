"""Compare the speed of several ways to compute one thing, in one run."""

from dataclasses import dataclass
from html import escape
from statistics import median
from time import perf_counter


@dataclass(frozen=True)
class Timing:
    """Median seconds by name; ratios are to the first name. Displays as a table."""

    seconds: dict

    def ratio(self, name):
        """How many times as long as the first entry `name` takes."""
        return self.seconds[name] / next(iter(self.seconds.values()))

    def _cells(self):
        for name, value in self.seconds.items():
            ratio = self.ratio(name)
            yield name, _duration(value), f"{ratio:,.0f} ×" if ratio >= 100 else f"{ratio:.2g} ×"

    def __str__(self):
        return "\n".join(f"{name}: {time}, {ratio}" for name, time, ratio in self._cells())

    __repr__ = __str__

    def _repr_html_(self):
        body = "".join(
            f'<tr><th scope="row">{escape(name)}</th><td>{time}</td><td>{ratio}</td></tr>'
            for name, time, ratio in self._cells()
        )
        return (
            '<table class="unrolled-table"><thead><tr><th scope="col">form</th>'
            '<th scope="col">median time</th><th scope="col">ratio</th></tr></thead>'
            f"<tbody>{body}</tbody></table>"
        )


def _duration(seconds):
    if seconds >= 1:
        return f"{seconds:.2g} s"
    return f"{1e3 * seconds:.3g} ms" if seconds < 0.1 else f"{1e3 * seconds:.0f} ms"


def compare(functions, rounds=20):
    """Run every function of the dict `functions` in turn, `rounds` times after one warm-up.

    Taking turns lets the machine's ups and downs fall on all of them alike.
    """
    times = {name: [] for name in functions}
    for counted in [False] + [True] * rounds:
        for name, function in functions.items():
            start = perf_counter()
            function()
            if counted:
                times[name].append(perf_counter() - start)
    return Timing({name: median(values) for name, values in times.items()})
