"""Tables of figures, samples in turns, and the verdict on a target."""

from __future__ import annotations

from itertools import count

from bench.report import Table, in_turns, shown, spread
from bench.targets import targets

TABLE = Table(title="Sizes", columns=("what", "bytes"), rows=[["item", 953], ["index entry", 12.5]], note="Counted.")


def test_a_table_is_aligned_for_a_screen() -> None:
    assert TABLE.text().splitlines() == [
        *["Sizes", "", "what         bytes", "------------------", "item           953", "index entry  12.50"],
        "Counted.",
    ]


def test_figures_show_three_digits_and_a_spread_is_the_median_between_its_quartiles() -> None:
    assert [shown(cell) for cell in (0.12345, 1.5, 99.994, 1234.5, 1_000_000, "as is")] == [
        *["0.123", "1.50", "99.99", "1,234", "1,000,000", "as is"]
    ]
    assert spread([1.0, 2.0, 3.0, 4.0, 100.0]) == "3 (2 to 4)"


def test_samples_are_taken_in_turns() -> None:
    numbers = count(1)

    taken = in_turns({"a": lambda: next(numbers), "b": lambda: next(numbers)}, rounds=2)

    assert taken == {"a": [1, 3], "b": [2, 4]}


def test_a_target_is_met_or_missed_by_so_much_and_left_out_where_nothing_was_measured() -> None:
    reached = targets({"modules.webhook": 160.0, "counted.item_units": 5.0})

    verdicts = {row[0]: row[3] for row in reached.rows}
    assert verdicts == {
        "webhook, modules imported": "missed by 10",
        "write units on the item, three reports in order": "met",
    }
