# What rules/defences.smk asks of the study.


def made_of(w):
    """The runs that a network is made of, in the order of the study."""
    return [STUDY.runs(w.group)[name] for name in run_of(w).made_of]


def combined_settings(w):
    """What a network depends on beside those that it is made of: a defence, and its noise's seed."""
    settings = network_of(w).settings()
    return as_json(settings | ({"seed": STUDY.seed} if settings else {}))
