"""What a person is told when a job ran out of memory."""

import errno
import resource

# Where the study or the profile says how much memory a job gets, and the rules that go by it.
MEMORY_FIELDS = {
    "attacks.<name>.mem_mb of the study": ("attack", "transfer", "export", "diagnose", "examples"),
    "training.mem_mb of the study": ("train", "defend", "import_network", "certify"),
    "controls.<name>.mem_mb of the study": ("corrupt", "universal"),
}
OTHER_FIELD = "mem_mb under default-resources of the profile"
# MB of address space that a job of a network takes without a GPU, see
# docs/explanation/reliability.md.
LEAST = 6000
# What libraries say when the system gives them no memory, in lower case.
WORDS = (
    "cannot allocate memory",
    "can't allocate memory",
    "could not allocate",
    "unable to allocate",
    "failed to map segment from shared object",
    "can't start new thread",
    "bad_alloc",
)


def is_out_of_memory(error):
    """Whether an error means that the system gave no memory; some libraries say it in words."""
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        if any(words in str(error).lower() for words in WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


def advice(snakemake):
    """What to raise so that a job gets more memory."""
    rule, now = snakemake.rule, int(snakemake.resources.get("mem_mb", 0) or 0)
    kind = "attack" if rule.startswith("attack_") else rule
    fields = (field for field, rules in MEMORY_FIELDS.items() if kind in rules)
    field = next(fields, OTHER_FIELD)
    more = 2 * now or 8000
    asked = f" (it asked for {now} MB)" if now else ""
    return (
        f"give it more{asked} with --set-resources {rule}:mem_mb={more} or {field}; on a single "
        "machine run fewer jobs at once (smaller --cores). Then start again: what is done is kept"
    )


def limit_advice():
    """A sentence about the limit of this process (`ulimit -v`), or nothing if it has none."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return ""
    return (
        f"A process may have {limit // 10**6} MB of address space here (ulimit -v), and a job of "
        f"a network needs {LEAST} MB, with a GPU much more: raise or remove that limit"
    )
