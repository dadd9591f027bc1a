# SPDX-License-Identifier: GPL-2.0
"""Figures as tables, on the terminal and in docs/benchmarks.md."""
import statistics

BEGIN, END = "<!-- bench/run writes {} from here -->", "<!-- {} to here -->" # the command that the part is about


def median(values):
    return statistics.median(values) if values else float("nan")


def spread(values, form="{:.1f}"):
    """median (min to max); one value alone has no spread."""
    values = list(values)
    if not values:
        return "-"
    m = form.format(median(values))
    return m if len(values) == 1 else f"{m} ({form.format(min(values))} to {form.format(max(values))})"


def count(n):
    return f"{n:,.0f}"


def verdict(value, goal, noise=0.0):
    """A value closer to its goal than the noise says little: then it says so."""
    return ("met" if value <= goal else "not met") + (" (within noise)" if abs(value - goal) < noise else "")


class Table:
    def __init__(self, title, *columns, left=1):
        self.title, self.columns, self.left, self.rows, self.notes = title, columns, left, [], []

    def row(self, *cells):
        self.rows.append([str(c) for c in cells])

    def note(self, text):
        self.notes.append(text)

    def text(self):
        plain = [[c.replace("`", "") for c in r] for r in [list(self.columns), *self.rows]]
        width = [max(len(r[i]) for r in plain) for i in range(len(self.columns))]
        lines = ["  ".join(c.ljust(w) if i < self.left else c.rjust(w)
                           for i, (c, w) in enumerate(zip(r, width))).rstrip() for r in plain]
        return "\n".join(["", self.title, *lines, *self.notes])

    def markdown(self):
        lines = [self.columns, ["---"] * self.left + ["---:"] * (len(self.columns) - self.left), *self.rows]
        notes = [x for n in self.notes for x in ("", n)]
        return "\n".join([f"### {self.title}", "", *("| " + " | ".join(r) + " |" for r in lines), *notes, ""])


def page(path, part):
    """The page to write into, if it has the marks of this part."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    marks = BEGIN.format(part), END.format(part)
    if [text.count(x) for x in marks] != [1, 1] or text.index(marks[0]) > text.index(marks[1]):
        raise ValueError(f"{path} lacks the two lines that mark the bench's part:\n" + "\n".join(marks))
    return text


def write(path, part, text):
    """Replaces what is between the marks of this part of the page, and nothing else."""
    begin, end = BEGIN.format(part), END.format(part)
    before, rest = page(path, part).split(begin)
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{before}{begin}\n\n{text}\n{end}{rest.split(end)[1]}")
