"""The history of a training, training.csv."""

from pgdose.training import history

ROWS = [
    {"epoch": 1, "held_out_loss": 0.9},
    {"epoch": 2, "held_out_loss": 0.4},
    {"epoch": 3, "held_out_loss": 0.4},
    {"epoch": 4, "held_out_loss": 0.6},
]


def test_the_best_epoch_is_the_first_with_the_smallest_loss() -> None:
    assert history.best_epoch(ROWS) == 2
    assert history.as_table(ROWS, kept=2)["kept"].tolist() == [0, 1, 0, 0]


def test_epochs_without_gain_count_from_the_best_one() -> None:
    assert [history.epochs_without_gain(ROWS[:n]) for n in range(5)] == [0, 0, 0, 1, 2]
    assert history.epochs_without_gain([{"epoch": 1}, {"epoch": 2}]) == 0


def test_a_network_from_elsewhere_has_an_empty_history() -> None:
    table = history.empty_table()
    assert list(table) == history.COLUMNS and table.empty
