"""What the paper reads off its Fig. 3 for each of its groups, beside this study's state."""

import pandas as pd

from pgdose.analysis.verdicts import DOES_NOT, SHOWS

YES, NO, NOT_SAID = "yes", "no", "not said"
PAPER_GROUPS = ("X-NR2", "X-NR3", "X-AO", "X-TB", "H-OV", "H-TH", "H-OV-TH", "H-BR")

#: By conclusion and group, in section 4 of the paper. It says that 6 of 8 groups reach their limit
#: over the iterations, not which; and that confident images are misclassified less often.
PAPER = {
    "grows_with_epsilon": dict.fromkeys(PAPER_GROUPS, YES) | {"X-AO": NO},
    "levels_off": dict.fromkeys(PAPER_GROUPS, "6 of 8 groups, not said which"),
    "drops_above_confidence": dict.fromkeys(PAPER_GROUPS, YES)
    | dict.fromkeys(("H-OV", "H-OV-TH"), "yes, very prominent"),
}
_OURS = {SHOWS: YES, DOES_NOT: NO}


def paper_claims(trends: pd.DataFrame) -> pd.DataFrame:
    """The table paper_claims, from the table trends: group by conclusion by attack.

    A group that is none of the paper's has no claim of it.
    """
    if trends.empty:
        return pd.DataFrame()
    rows = trends.drop_duplicates(["group", "attack", "conclusion"])
    rows = rows[["group", "conclusion", "attack", "state"]].copy()
    pairs = zip(rows["conclusion"], rows["group"], strict=True)
    rows["paper"] = [PAPER[conclusion].get(group, NOT_SAID) for conclusion, group in pairs]
    rows["agrees"] = [_agrees(*pair) for pair in zip(rows["paper"], rows["state"], strict=True)]
    order = {group: place for place, group in enumerate(dict.fromkeys(trends["group"]))}
    rows = rows.sort_values("group", key=lambda names: names.map(order), kind="stable")
    return rows.reset_index(drop=True)


def _agrees(paper: str, state: str) -> str:
    ours = _OURS.get(state)
    said = paper.split(",")[0]
    if ours is None or said not in (YES, NO):
        return "open"
    return YES if said == ours else NO
