"""Print a table of dieharder's results: a row for each test, a column for each log.

python summarize.py dieharder_one.log dieharder_interleaved.log
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

Result = tuple[int, float, str]  # p-samples, p-value, assessment
LINE = re.compile(r"\s*(\w+)\|\s*(\d+)\|\s*\d+\|\s*(\d+)\|([\d.]+)\|\s*(\w+)")


def results(log: str) -> dict[str, list[Result]]:
    """The final results of each test: a doubtful test is repeated with more p-samples, so those with the most count."""
    found: dict[tuple[str, str], list[Result]] = {}
    for name, order, count, p_value, assessment in LINE.findall(Path(log).read_text()):
        found.setdefault((name, order), []).append((int(count), float(p_value), assessment))
    final: dict[str, list[Result]] = {}
    for (name, _), of_test in found.items():
        most = max(count for count, *_ in of_test)
        final.setdefault(name, []).extend(result for result in of_test if result[0] == most)
    return final


def cell(of_test: list[Result]) -> str:
    """How many passed, between which p-values, and what the others were."""
    if not of_test:
        return "-"
    p_values = sorted(p_value for _, p_value, _ in of_test)
    assessments = [assessment for *_, assessment in of_test]
    text = f"{assessments.count('PASSED')} of {len(of_test)} passed, p {p_values[0]:.3f}"
    text += f" to {p_values[-1]:.3f}" if len(of_test) > 1 else ""
    return text + "".join(f", {assessment}" for assessment in assessments if assessment != "PASSED")


def main(logs: list[str]) -> None:
    columns = [results(log) for log in logs]
    print("| test |", " | ".join(Path(log).stem for log in logs), "|")
    print("|---" * (len(logs) + 1) + "|")
    for name in dict.fromkeys(name for column in columns for name in column):
        print(f"| {name} |", " | ".join(cell(column.get(name, [])) for column in columns), "|")


if __name__ == "__main__":
    main(sys.argv[1:])
