"""docs/reference/rejection-reasons.md: every reason code, what happened, and what to do."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from pgdose.documents.reasons import DOUBTFUL, NO_REPORTS, NOT_UNDERSTOOD, OUTDATED
from pgdose.histology.field_reasons import FIELD_REASONS
from pgdose.histology.outlines.reasons import OUTLINE_REASONS
from pgdose.histology.slides.reasons import SLIDE_REASONS
from pgdose.reference import rejection_advice as advice
from pgdose.reference.markdown import code, heading, page, table
from pgdose.tables.rejects import GROUP_REASONS
from pgdose.xray.reject_reasons import INDEX_REASONS, SCREEN_REASONS

PATH = "docs/reference/rejection-reasons.md"
OF_PACS = ("not_fetched", "cut_short", "other_instance", "listed_twice")

INTRODUCTION = """\
pgdose rejects what it cannot use, writes down why, and goes on. Each rejected file or record has a
row in `sources/<source>/rejects.parquet` with `record_id`, `stage`, `reason` (a code of this page)
and `detail` (more about this one; never a quotation, which could name a patient). What a group
leaves out is in `groups/<group>/left_out.parquet`. Reports that give no text are in
`private/<study>/<source>/unread_reports.parquet`.

`sources/<source>/rejects.png` shows a sample of the rejected images by reason, and
`tables/rejects_by_class.csv` whether a reason leaves out more of one class than of another.
`pgdose where RECORD_ID` prints the path of the file.

A code may occur in several sections; the stage and the kind of source decide which one applies.
`-R RULE` in the advice is an option of Snakemake (and of `pgdose run`): it runs this rule, and what
depends on it, again."""


class Section(NamedTuple):
    """Reasons that occur together.

    where:   the stage and the kind of file, in a sentence or two
    reasons: what happened, by the code
    advice:  what to do, by the code
    """

    title: str
    where: str
    reasons: Mapping[str, str]
    advice: Mapping[str, str]

    def text(self) -> str:
        if missing := self.reasons.keys() ^ self.advice.keys():
            raise ValueError(f"{self.title}: reason or advice is missing for {sorted(missing)}")
        rows = [(code(name), self.reasons[name], self.advice[name]) for name in self.reasons]
        return "\n\n".join(
            [
                heading(2, self.title),
                self.where,
                table(["reason", "what happened", "what to do"], rows),
            ]
        )


def _part(whole: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    return {name: text for name, text in whole.items() if name in names}


def sections() -> list[Section]:
    of_files = INDEX_REASONS.keys() - set(OF_PACS)
    report = advice.REPORT_ADVICE
    return [
        Section(
            "Films and pictures: the file and its header",
            "Stage `index`: when pgdose lists the files of a source and reads their headers.",
            _part(INDEX_REASONS, of_files),
            _part(advice.INDEX_ADVICE, of_files),
        ),
        Section(
            "Films of a PACS",
            "Stage `index`: instances that the PACS lists and that cannot be fetched. If the "
            "server does not answer, nothing is rejected: the job stops.",
            _part(INDEX_REASONS, OF_PACS),
            _part(advice.INDEX_ADVICE, OF_PACS),
        ),
        Section(
            "Films and pictures: the pixels",
            "Stage `screen`: when pgdose reads the pixels. The limits are keys of `screen` of the "
            "source. Reasons of the section above can occur here, too. Stage `render`, in a group: "
            "the same reasons, where an image that was chosen can no longer be read.",
            SCREEN_REASONS,
            advice.SCREEN_ADVICE,
        ),
        Section(
            "Microscope fields",
            "Stage `index`, besides the reasons of the header, and `unmapped_class`, "
            "`no_class_name` and `too_small` of the sections on outlines and slides.",
            FIELD_REASONS,
            advice.FIELD_ADVICE,
        ),
        Section(
            "Slides and tiles",
            "Stage `index`: when pgdose surveys a slide or reads its tiles. `slides.csv` has them "
            "by slide.",
            SLIDE_REASONS,
            advice.SLIDE_ADVICE,
        ),
        Section(
            "Outlines on slides",
            "Stage `index`: the outlines of a slide cannot be used, and so the slide cannot.",
            OUTLINE_REASONS,
            advice.OUTLINE_ADVICE,
        ),
        Section(
            "Groups",
            "Stage `group`: the source could use the image, and this group cannot.",
            GROUP_REASONS,
            advice.GROUP_ADVICE,
        ),
        Section(
            "Reports that could not be read",
            "Files, documents and messages that may hold a report: look at these.",
            NOT_UNDERSTOOD,
            _part(report, NOT_UNDERSTOOD),
        ),
        Section(
            "Documents that are no reports",
            "Nothing is lost.",
            NO_REPORTS,
            _part(report, NO_REPORTS),
        ),
        Section(
            "Reports that another version replaces",
            "Nothing is lost: a later version counts in their place, or the report was withdrawn.",
            OUTDATED,
            _part(report, OUTDATED),
        ),
        Section(
            "Reports that may be wrong",
            "Their text could be read, and none of them counts: look at these.",
            DOUBTFUL,
            _part(report, DOUBTFUL),
        ),
    ]


def pages() -> dict[str, str]:
    sources = "the registries of reasons and src/pgdose/reference/rejection_advice.py"
    parts = [section.text() for section in sections()]
    return {PATH: page("Reasons of rejection", sources, INTRODUCTION, *parts)}
