"""`python -m tests.monitoring.planted`: every case with what was suggested, and how many were named."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tests.monitoring.planted._cases import FIRST, FIRST_RIGHT, SECOND, SECOND_RIGHT, Case
from tests.monitoring.planted._run import run


def main(lists: Sequence[str]) -> None:
    """Print the first list, the second, or both."""
    which: dict[str, tuple[str, Sequence[Case], Sequence[Case]]] = {
        "first": ("First list", FIRST, FIRST_RIGHT),
        "second": ("Second list", SECOND, SECOND_RIGHT),
    }
    for name in lists or which:
        title, wrong, right = which[name]
        found, sound = [run(case) for case in wrong], [run(case) for case in right]
        clean = sum(each.named and not each.others for each in found)
        lines = [title, *(f"  {each}" for each in (*found, *sound))]
        lines += [f"  {sum(each.named for each in found)} of {len(found)} mistakes named, {clean} and nothing else;"]
        lines += [f"  {sum(not each.named for each in sound)} of {len(sound)} right trainings told to change something"]
        sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
