# What rules/sources.smk asks of the study.

from pgdose.study.phantom import KINDS as PHANTOM_KINDS

RECORDS = dict(
    records=f"{RESULTS}/sources/{{source}}/records.parquet",
    rejects=f"{RESULTS}/sources/{{source}}/index_rejects.parquet",
    repeated=f"{RESULTS}/sources/{{source}}/repeated.parquet",
)
PATHS = f"{PRIVATE}/{{source}}/paths.parquet"
ONE_FOLDER = one_of(sources_of_kind("dicom_archive"))
ONE_ARCHIVE = one_of(sources_of_kind(*ARCHIVES))
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


def reported(*origins):
    """Archives with reports, of any origin or of these (table, documents, hl7)."""
    archives = {n: STUDY.sources[n].reports for n in sources_of_kind(*ARCHIVES)}
    return [
        name
        for name, reports in archives.items()
        if reports and (not origins or reports.origin in origins)
    ]


def if_reported(name):
    """A private table that the reports of an archive give; nothing where it has none."""
    path = f"{PRIVATE}/{{source}}/{name}.parquet"
    return lambda w: path.format(source=w.source) if source_of(w).reports else []


def label_table_of(w):
    """The table of labels of an archive, if it has one."""
    table = source_of(w).label_table
    return table.table if table else []


def link_tags(w):
    """The attributes that link a film to its report, and to its row in a table of labels."""
    reports, table = source_of(w).reports, source_of(w).label_table
    return as_json({"tag": reports and reports.tag, "label_tag": table and table.tag})


def table_of_reports(w):
    """The table of a source's reports: a person's, or the private one of documents or messages."""
    return source_of(w).reports.table or f"{PRIVATE}/{w.source}/reports.parquet"


def folder_of_reports(w):
    """Where a source's documents or messages lie."""
    return source_of(w).reports.hl7 or source_of(w).root


def document_paths(w):
    """The table of the files among which a source's documents are; nothing for messages."""
    if source_of(w).reports.origin == "hl7":
        return []
    if source_of(w).kind == "pacs":
        return f"{PRIVATE}/{w.source}/documents.parquet"
    return PATHS.format(source=w.source)


def reading_settings(w):
    """What reading documents or messages depends on."""
    entry, reports = source_of(w), source_of(w).reports
    settings = {
        "origin": reports.origin,
        "tag": reports.tag,
        "encoding": entry.encoding,
    }
    if reports.origin == "hl7":
        settings |= {"accession": reports.message_field, "encoding": reports.encoding}
    else:
        settings["only_documents"] = entry.kind == "pacs"
    return as_json(settings)


def report_settings(w):
    """The settings of a source's reports; where the tables lie are inputs. null: it has none."""
    reports = source_of(w).reports
    if reports is None:
        return as_json(None)
    left_out = {"table", "documents", "hl7", "accession", "hand_labels"}
    settings = reports.model_dump(mode="json", exclude=left_out)
    if reports.origin != "table":
        settings |= {
            "id": "id",
            "text": "text",
            "origin": reports.origin,
            "encoding": None,
        }
    if reports.origin == "hl7":
        settings["accession"] = reports.message_field
    return as_json(settings)


def label_table_settings(w):
    """The settings of an archive's table of labels; null: it has none."""
    table = source_of(w).label_table
    return as_json(table and table.model_dump(mode="json", exclude={"table"}))


def hand_label_settings(w):
    """The settings of the labels by hand; null where they are those of the table of labels."""
    hand = source_of(w).reports.hand_labels
    return as_json(hand and hand.model_dump(mode="json", exclude={"table"}))


def labels_by_hand(w):
    """What the labeller is measured against: labels by hand, or an archive's table of labels."""
    hand = source_of(w).reports.hand_labels
    return hand.table if hand else f"{PRIVATE}/{w.source}/film_labels.parquet"


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
    """The words that classes of the study ask for: ViewPosition, and BodyPartExamined or class."""
    keys = ("view", "not.view", "class", "not.class")
    words = {key: STUDY.words(w.source, key) for key in keys}
    if source_of(w).kind in ARCHIVES:
        views = sorted({*words["view"], *words["not.view"]})
        return as_json({"views": views, "parts": source_of(w).screen.body_parts})
    return as_json(words)


def film_settings(w):
    """Which images of an archive are films, and what becomes of those that are not upright."""
    entry = source_of(w)
    return as_json({"modalities": entry.modalities, "orientation": entry.orientation})


def searched_for_text():
    """Sources whose pixels are searched for burned-in text; tissue is full of what looks like it."""
    sources = sources_of_kind(*ARCHIVES, "table")
    return [name for name in sources if STUDY.sources[name].modality != "histology"]


def source_sheets():
    """What a person looks over: rejected images, tiles and slides, and the labeller's agreement."""
    archives_and_tables = sources_of_kind(*ARCHIVES, "table")
    fields_and_slides = sources_of_kind("microscope_fields", "slides")
    slides = sources_of_kind("slides")
    return [
        *source_file("agreement.csv", hand_labelled()),
        *source_file("rejects.png", archives_and_tables),
        *(f"{PRIVATE}/{name}/text_regions.png" for name in searched_for_text()),
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
