"""What the first run of each list gave, before anything was mended: kept as it was."""

from collections.abc import Mapping

Row = Mapping[str, int]


def _row(right: int, wrong: int, silent: int, alarms: int, near: int, *, failed: int = 0, broken: int = 0) -> Row:
    counted = {"right": right, "wrong": wrong, "silent": silent, "failed": failed, "of": 20}
    twins = {"alarms": alarms, "twins failed": broken, "twins": 20}
    return counted | twins | {"direction": right, "numbers": right, "near": near}


AT = """With the judge as it was first written (abaf239). The predictions of that day were asked about models in memory:
on meta, buffers without values (BERT) and recurrent layers could not be predicted yet, which left 11 of 20 right in
either list. One twin of the first list, the graph net, proved to have a second wrong law (`auto` took its product with
the adjacency for attention); its alarm and the plant named wrongly are among these figures, its plan was then mended.
Measured signals did not exist that day. What the first list showed was given to those who mend, before the first table
above; of the second one they were told the totals alone. The third list was written a day later, by someone who had
not seen the judge, and asked once before it served to mend (519a59c)."""
FIRST_RUN: Mapping[tuple[str, str], Row] = {
    ("first", "predicted"): _row(12, 1, 7, 3, 5),
    ("second", "predicted"): _row(13, 0, 7, 0, 8),
    ("third", "predicted"): _row(15, 2, 3, 0, 8),
    ("third", "measured"): _row(15, 2, 3, 0, 8),
}
