"""What the study found in each source, as section 2.1 of the paper counts it."""

from collections.abc import Sequence

import pandas as pd

LAST = (
    *("any_finding", "several_findings", "norm_conflicts", "mojibake"),
    *("text_in_pixels", "says_burned_in", "several_rows", "notes"),
)


def source_counts(
    source: str,
    records: pd.DataFrame,
    screened: pd.DataFrame,
    rejects: pd.DataFrame,
    conflicts: pd.DataFrame | None = None,
) -> dict[str, object]:
    """A source's row of the table sources: found, readable, usable, norm and each finding.

    `screened`, of SCREEN, are the records that a group of the study could choose; usable are those
    of them that passed. Findings are counted among readable records. In a source of tiles a
    rejected field or slide counts as one. Sources with reports also have `norm_conflicts`, records
    whose report is a norm phrase and mentions a finding, and `mojibake`, files that seem to declare
    a wrong character set. Where pixels were searched for letters, `text_in_pixels` are the images
    with some, and `says_burned_in` those whose header says so, rejected for it or not.
    """
    at_index = rejects["stage"] == "index"
    labelled = records.filter(regex="^label_").eq(1).fillna(False).astype(bool)
    present = labelled.rename(columns=lambda name: name.removeprefix("label_"))
    findings = present.drop(columns="norm", errors="ignore")
    counts: dict[str, object] = {
        "source": source,
        "found": len(records) + int(at_index.sum()),
        "readable": len(records),
        "screened": len(screened),
        "usable": len(screened) - int((~at_index).sum()),
    }
    counts |= {str(name): int(n) for name, n in present.sum().items()}
    if len(present.columns):
        counts["any_finding"] = int(findings.any(axis=1).sum())
        counts["several_findings"] = int((findings.sum(axis=1) > 1).sum())
    if conflicts is not None:
        counts["norm_conflicts"] = conflicts["record_id"].nunique()
        counts["mojibake"] = int(records["mojibake"].sum())
    if screened["text_regions"].notna().any():
        counts["text_in_pixels"] = int((screened["text_regions"] > 0).sum())
        counts["says_burned_in"] = int(screened["says_burned_in"].eq(True).sum())
    return counts


def all_sources(counts: Sequence[dict[str, object]]) -> pd.DataFrame:
    """The table sources: the findings of any source, then the columns of `LAST`."""
    table = pd.DataFrame(counts)
    last = [c for c in LAST if c in table]
    table = table[[*(c for c in table if c not in last), *last]]
    return table.astype({c: "Int64" for c in table if c not in ("source", "notes")})
