"""The common spelling of words, and typing errors."""

from pgdose.labelling.spelling import fix_typo, spell


def test_spell() -> None:
    words = ["Лёгкиe", "OГК", "TBC", "аб'ём", "пнеўмаскл\u00adерозу", "и\u0306", "пневмони\u0301я"]
    spelled = ["легкие", "огк", "tbc", "абем", "пнеўмасклерозу", "й", "пневмония"]
    assert [spell(word) for word in words] == spelled
    assert [spell(word) for word in spelled] == spelled


def test_letters_that_a_pdf_draws_as_one() -> None:
    words = ["ﬁbrosis", "e\ufb00usion", "in\ufb02ammation", "o\ufb03ce", "ra\ufb04e", "\ufb05ent"]
    spelled = ["fibrosis", "effusion", "inflammation", "office", "raffle", "stent"]
    assert [spell(word) for word in words] == spelled


def test_typing_errors() -> None:
    """One letter wrong, missing, too many, or two swapped; not at a stem's end."""
    for word in ["певмония", "пнвемония", "пнеевмония", "ппевмония"]:
        assert fix_typo(word, "пневмони") == "пневмония"
    for word in ["пневмонэктомия", "пневмоцистная", "пневмоторакс", "пивмонея", "пневматизация"]:
        assert fix_typo(word, "пневмони") is None
    assert fix_typo("бронхиолит", "бронхит") is None
