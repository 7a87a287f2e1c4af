"""The page of reasons has every code that the code can raise, with what to do."""

import pytest
from helpers.rejections import raised_codes
from helpers.workflow import PROJECT

from pgdose.documents.reasons import REASONS as OF_REPORTS
from pgdose.reference import reasons
from pgdose.reference import rejection_advice as advice
from pgdose.xray.reject_reasons import INDEX_REASONS, REASONS


def test_every_raised_code_stands_on_the_page() -> None:
    text = reasons.pages()[reasons.PATH]
    modules = list((PROJECT / "src/pgdose").rglob("*.py"))
    # `reason` is a column's name in a call that copies the codes of a table.
    raised = raised_codes(modules) - {"reason"}
    assert {"lateral", "unmapped_class", "not_hl7", "other_size", "listed_twice"} <= raised | {
        "listed_twice"  # by a loop
    }
    assert sorted(code for code in raised if f"| `{code}` |" not in text) == []


def test_a_reason_without_advice_and_advice_without_a_reason_are_errors() -> None:
    section = reasons.sections()[0]
    with pytest.raises(ValueError, match="brand_new"):
        section._replace(reasons={**section.reasons, "brand_new": "x"}).text()
    with pytest.raises(ValueError, match="gone_now"):
        section._replace(advice={**section.advice, "gone_now": "x"}).text()


def test_no_reason_of_a_registry_is_left_out() -> None:
    assert advice.INDEX_ADVICE.keys() == INDEX_REASONS.keys()
    assert advice.REPORT_ADVICE.keys() == OF_REPORTS.keys()
    named = {code for section in reasons.sections() for code in section.reasons}
    assert {*REASONS, *OF_REPORTS} <= named
