# What rules/sources.smk asks of the study.

from pgdose.study.phantom import KINDS as PHANTOM_KINDS

RECORDS = dict(
    records=f"{RESULTS}/sources/{{source}}/records.parquet",
    rejects=f"{RESULTS}/sources/{{source}}/index_rejects.parquet",
)
PATHS = f"{PRIVATE}/{{source}}/paths.parquet"
ONE_ARCHIVE = one_of(sources_of_kind("dicom_archive"))
ONE_TABLE = one_of(sources_of_kind("table"))
ONE_SET_OF_FIELDS = one_of(sources_of_kind("microscope_fields"))
ONE_SET_OF_SLIDES = one_of(sources_of_kind("slides"))


def source_of(w):
    """The entry of a job's source in the study."""
    return STUDY.sources[w.source]


def patients_of(w):
    """Sources with the same word here number their patients alike."""
    return source_of(w).patients or w.source


def key_seed(w):
    """The ids of the synthetic hospital repeat; a real site's key is secret."""
    return STUDY.seed if STUDY.synthetic(w.source) else None


def made_by_phantom(w):
    """The file that stands for all those of a source that the synthetic hospital makes."""
    if not STUDY.synthetic(w.source):
        return []
    if source_of(w).kind == "microscope_fields":
        return f"{STUDY.phantom.root}/fields.csv"
    return source_of(w).reports.table


def files_of_phantom(w):
    """The table of all files below a source's root, if the synthetic hospital makes the source."""
    if not STUDY.synthetic(w.source):
        return []
    return f"{HOSPITAL}/truth/{PHANTOM_KINDS[source_of(w).kind][0]}.csv"


def report_settings(w, *names):
    """Some settings of a source's reports; where the reports lie is an input."""
    return as_json({name: getattr(source_of(w).reports, name) for name in names})


def screened_classes(w):
    """`where` and crop of every class of every group that draws on a source."""
    settings = {
        as_json({**entry.where.to_dict(), "crop": group.image.crop})
        for group in STUDY.groups.values()
        for entry in group.classes.values()
        if entry.source == w.source
    }
    return [json.loads(text) for text in sorted(settings)]


def codes(w):
    """The words of ViewPosition, and of BodyPartExamined, that the study names for a source."""
    codes = {"views": STUDY.views(w.source)}
    if source_of(w).kind == "dicom_archive":
        codes["parts"] = source_of(w).screen.body_parts
    return as_json(codes)


def source_sheets():
    """What a person looks over: rejected images, tiles and slides, and the labeller's agreement."""
    archives_and_tables = sources_of_kind("dicom_archive", "table")
    fields_and_slides = sources_of_kind("microscope_fields", "slides")
    slides = sources_of_kind("slides")
    return [
        *source_file("agreement.csv", hand_labelled()),
        *source_file("rejects.png", archives_and_tables),
        *source_file("tiles.png", fields_and_slides),
        *source_file("slides.csv", slides),
        *(f for name in slides for f in source_shards(name, "thumbnails", ending="")),
    ]


def selection_settings(w):
    """What the selection among the candidates of slides depends on."""
    entry = source_of(w)
    return as_json(
        {**entry.settings("index_slides"), "tile_classes": entry.tile_classes}
    )
