"""Words of people's tables, such as 1 for "present"."""

from typing import Annotated, Any

from pydantic import BeforeValidator


def _as_text(value: Any) -> Any:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_whole else value


# A text; the quotes round a whole number may be left out.
Word = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | int)]
