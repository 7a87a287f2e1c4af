# What rules/phantom.smk asks of the study.

HOSPITAL = STUDY.phantom.root if STUDY.phantom else "hospital"


def phantom_amounts(part):
    """How much of a part the synthetic hospital makes; empty without such a section."""
    amounts = getattr(STUDY.phantom, part) if STUDY.phantom else None
    return as_json(amounts.to_dict() if amounts else {})
