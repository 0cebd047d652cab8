"""Print a table of dieharder's results: a row for each test, a column for each log.

python summarize.py dieharder_one.log dieharder_interleaved.log
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

Samples = list[tuple[int, float, str]]  # of one result: p-samples, p-value, assessment, with more and more p-samples
LINE = re.compile(r"\s*(\w+)\|\s*(\d+)\|\s*\d+\|\s*(\d+)\|([\d.]+)\|\s*(\w+)")


def results(log: str) -> dict[str, list[Samples]]:
    """All results of each test, in the log's order; a doubtful one is followed by its reruns."""
    found: dict[str, list[Samples]] = {}
    before = ("", "")
    for name, order, count, p_value, assessment in LINE.findall(Path(log).read_text()):
        sample, of_test = (int(count), float(p_value), assessment), found.setdefault(name, [])
        if before == (name, order) and of_test[-1][-1][0] < int(count):
            of_test[-1].append(sample)
        else:
            of_test.append([sample])
        before = (name, order)
    return found


def cell(of_test: list[Samples]) -> str:
    if not of_test:
        return "-"
    last = [samples[-1] for samples in of_test]
    p_values = sorted(p_value for _, p_value, _ in last)
    text = f"{sum(result == 'PASSED' for *_, result in last)} of {len(last)} passed, p {p_values[0]:.3f}"
    text += f" to {p_values[-1]:.3f}" if len(last) > 1 else ""
    again = sum(len(samples) > 1 and samples[-1][2] == "PASSED" for samples in of_test)
    text += f", {again} of them with more samples" if again else ""
    return text + "".join(f", {result}" for *_, result in last if result != "PASSED")


def main(logs: list[str]) -> None:
    columns = [results(log) for log in logs]
    print("| test |", " | ".join(Path(log).stem for log in logs), "|")
    print("|---" * (len(logs) + 1) + "|")
    for name in dict.fromkeys(name for column in columns for name in column):
        print(f"| {name} |", " | ".join(cell(column.get(name, [])) for column in columns), "|")


if __name__ == "__main__":
    main(sys.argv[1:])
