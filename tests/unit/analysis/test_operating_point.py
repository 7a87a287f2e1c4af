"""At which epsilon and iteration attacks are compared."""

from helpers.twelve_images import asr_table

from pgdose.analysis.operating_point import at, operating_epsilons, operating_iteration


def test_the_operating_iteration_is_the_last_known_one_within() -> None:
    assert operating_iteration(range(21), 20) == 20
    assert operating_iteration([0, 5, 10], 8) == 5
    assert operating_iteration([0, 100], 20) == 100
    assert operating_iteration([0], 20) == 0


def test_a_group_without_images_does_not_choose_the_iteration() -> None:
    table = asr_table(
        group=["none"] * 3 + ["some"] * 2,
        iteration=[0, 10, 20, 0, 100],
        n_attacked=[0] * 3 + [9] * 2,
    )
    assert at(table, iterations=20)["iteration"].tolist() == [100]


def test_an_attack_with_fewer_iterations_is_taken_at_its_last() -> None:
    table = asr_table(
        attack=["long"] * 4 + ["short"] * 2, iteration=[0, 10, 20, 30, 0, 5], epsilon=0.1
    )
    here = at(table, iterations=20)
    assert here[["attack", "iteration"]].values.tolist() == [["long", 20], ["short", 5]]


def test_an_operating_point_finds_its_epsilon_in_spite_of_rounding() -> None:
    table = asr_table(iteration=[20, 20], epsilon=[0.1 + 1e-12, 0.2])
    assert at(table, iterations=20, epsilon=0.1).index.tolist() == [0]


def test_an_attack_without_the_epsilon_is_taken_at_the_nearest_one() -> None:
    """Each attack at its own; the rows say which epsilon it is."""
    table = asr_table(
        attack=["paper"] * 3 + ["coarse"] * 2 + ["even"] * 2,
        epsilon=[0.05, 0.1, 0.2, 0.08, 0.2, 0.25, 0.75],
        iteration=20,
    )
    rows = at(table, iterations=20, epsilon=0.1)
    assert rows[["attack", "epsilon"]].values.tolist() == [
        ["paper", 0.1],
        ["coarse", 0.08],
        ["even", 0.25],
    ]
    # Of two equally near ones it is the smaller.
    assert operating_epsilons(table, 0.5) == {"paper": 0.2, "coarse": 0.2, "even": 0.25}
