# What rules/cohort.smk asks of the study.


def member_image_settings(w):
    """The settings of `image` that decide who can be a member."""
    image = STUDY.groups[w.group].image
    settings = {"window": image.window, "crop": image.crop}
    if image.crop != "none":
        settings["least_confidence"] = image.least_confidence
    return as_json(settings)


def file_of(table):
    """The file of a person's table, if the study names one."""
    return table.table if table else []


def list_formats(w):
    """How a person's lists of a group are written; where they lie are inputs."""
    group = STUDY.groups[w.group]
    lists = {"exclude": group.exclude, "image.boxes": group.image.boxes}
    formats = {
        name: table.model_dump(exclude={"table"})
        for name, table in lists.items()
        if table
    }
    return as_json(formats)


def copy_limits(w):
    """How far copies may differ; nothing for a group without copies."""
    group = STUDY.groups[w.group]
    copies = any(entry.augment_to for entry in group.classes.values())
    return as_json(group.augment.to_dict() if copies else {})


def xray_sources(w):
    names = STUDY.sources_of(w.group)
    return as_json([name for name in names if STUDY.sources[name].modality == "xray"])


def missing(w):
    """Tables of the members whose image could not be read; tiles were screened before."""
    if STUDY.tiled(w.group):
        return []
    return [
        store.removesuffix(".npy") + ".missing.parquet" for store in stores(w.group)
    ]


def if_cropped(files):
    """These files for groups whose images are cropped from whole films; none for others."""
    return lambda w: [] if STUDY.groups[w.group].image.crop == "none" else files(w)


def group_screens(w):
    return [file for name in STUDY.sources_of(w.group) for file in screens(name)]


def group_slides(w):
    """The tables about slides of each source of slides that a group draws on."""
    sources = [s for s in STUDY.sources_of(w.group) if s in sources_of_kind("slides")]
    return {source: source_shards(source, "slides") for source in sources}


def slide_classes(w):
    """The source of each class that is drawn from slides, and the class of its tiles there."""
    return {
        name: (entry.source, entry.where.class_)
        for name, entry in STUDY.groups[w.group].classes.items()
        if entry.source in group_slides(w) and entry.where.class_
    }
