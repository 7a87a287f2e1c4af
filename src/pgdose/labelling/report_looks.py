"""What the texts of a table of reports look like as a whole: signs that an export spoiled them."""

from collections import Counter

import pandas as pd

from pgdose.labelling.spelling import has_words

EXCEL = 32_767  # characters that a cell of a workbook may have
LIMITS = (255, 256, 1000, 1024, 2000, 4000, 4096, EXCEL, 65_535)  # at which programs cut a text


class ReportLooks:
    """Counts over all pieces of a table of reports."""

    def __init__(self) -> None:
        self.rows = self.wordless = self.marked = self.unreadable = self.longest = 0
        self.lengths: Counter[int] = Counter()  # of texts as long as a limit

    def add(self, texts: pd.Series, plain: pd.Series) -> None:
        """Count texts as they stand in the table, and what `plain_texts` made of them."""
        self.rows += len(texts)
        self.unreadable += int(plain.isna().sum())
        self.marked += int((plain.notna() & (plain != texts)).sum())
        counts = plain.dropna().value_counts()
        self.wordless += sum(int(n) for text, n in counts.items() if not has_words(text))
        lengths = texts.str.len()
        self.longest = max(self.longest, int(lengths.max()) if len(texts) else 0)
        self.lengths.update(lengths[lengths.isin(LIMITS)].astype(int).tolist())

    def notes(self, mentions: int) -> list[str]:
        """What a person should know; `mentions` is how many the lexicon found in all texts."""
        found = []
        if self.wordless:
            found.append(f"{self.wordless} of {self.rows} reports have no words, and no labels")
        if self.marked:
            found.append(
                f"{self.marked} of {self.rows} reports hold marks of HTML, RTF or line breaks "
                "(<p>, &nbsp;, \\par, \\n), which are taken out"
            )
        if self.unreadable:
            found.append(
                f"{self.unreadable} of {self.rows} reports hold HTML, RTF or base64 that is not "
                "understood (cut off, or in an unknown form), and have no labels; export them as "
                "plain text"
            )
        n = self.lengths[self.longest]
        if n > 1 or (n and self.longest == EXCEL):
            found.append(
                f"{n} reports have {self.longest} characters, and none has more: they may have "
                "been cut off when they were exported"
            )
        if self.rows > self.wordless + self.unreadable and not mentions:
            found.append("the lexicon finds nothing in any report; is it of their language?")
        return found
