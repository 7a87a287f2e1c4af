"""What the texts of a table of reports look like as a whole: signs that an export spoiled them."""

import re
from collections import Counter

import pandas as pd

from pgdose.labelling.spelling import has_words

# Tags and entities of HTML, control words of RTF, and line breaks that a program wrote as letters.
MARKS = re.compile(
    r"</?(?:p|br|b|i|u|div|span|html|body|font|table|tr|td|li|ul|h\d)\b[^<>]*>|&(?:nbsp|amp|lt|gt|quot"
    r"|#\d+);|\\(?:rtf|par|pard|ansi)\b|\\r?\\n|\\[nr](?![a-z])|_x000[AD]_",
    re.IGNORECASE,
)
EXCEL = 32_767  # characters that a cell of a workbook may have
LIMITS = (255, 256, 1000, 1024, 2000, 4000, 4096, EXCEL, 65_535)  # at which programs cut a text


class ReportLooks:
    """Counts over all pieces of a table of reports."""

    def __init__(self) -> None:
        self.rows = self.wordless = self.marked = self.longest = 0
        self.lengths: Counter[int] = Counter()  # of texts as long as a limit

    def add(self, texts: pd.Series) -> None:
        self.rows += len(texts)
        counts = texts.value_counts()
        for text, n in counts.items():
            self.wordless += int(n) * (not has_words(text))
            self.marked += int(n) * bool(MARKS.search(str(text)))
            self.longest = max(self.longest, len(str(text)))
        cut = texts.str.len()
        self.lengths.update(cut[cut.isin(LIMITS)].astype(int).tolist())

    def notes(self, mentions: int) -> list[str]:
        """What a person should know; `mentions` is how many the lexicon found in all texts."""
        found = []
        if self.wordless:
            found.append(f"{self.wordless} of {self.rows} reports have no words, and no labels")
        if self.marked:
            found.append(
                f"{self.marked} of {self.rows} reports hold marks of HTML, RTF or line breaks "
                "(<p>, &nbsp;, \\par, \\n), which count as words, so that few are norm; export "
                "them as plain text"
            )
        n = self.lengths[self.longest]
        if n > 1 or (n and self.longest == EXCEL):
            found.append(
                f"{n} reports have {self.longest} characters, and none has more: they may have "
                "been cut off when they were exported"
            )
        if self.rows > self.wordless and not mentions:
            found.append("the lexicon finds nothing in any report; is it of their language?")
        return found
