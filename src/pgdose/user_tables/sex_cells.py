"""The sexes of a table, by the usual words or by those that the study names."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from pgdose.errors import UserError
from pgdose.tables.person_fields import parse_sex
from pgdose.user_tables.cells import fold_word
from pgdose.user_tables.formats import UserTable

# In Spanish M is mujer beside H (hombre) or V (varon); everywhere else it is a man.
SPANISH_MEN = {"h", "v"}


def sex_parser(
    words: Mapping[str, Sequence[str]] | None, cells: Iterable[str], table: UserTable
) -> Callable[[str], str | None]:
    """F or M from a cell, else None. UserError where the letters of a column could be Spanish."""
    if words:
        sex_of = {fold_word(word): sex for sex, of_sex in words.items() for word in of_sex}
        return lambda cell: sex_of.get(fold_word(cell))
    present = {fold_word(cell) for cell in set(cells)}
    if "m" in present and present & SPANISH_MEN and not present & {"f"}:
        raise UserError(
            f"{table.key_of('sex')}: beside H or V, an M in {table.path.name} may be a woman "
            f"(mujer); say so with {table.field}.sex_words, such as {{F: [M], M: [H]}}"
        )
    return parse_sex
