"""What the jobs that ask a PACS share: their source, the login, and how they name a mistake."""

import contextlib
import os
import re

from pgdose.errors import UserError
from pgdose.pacs.credentials import read_credentials
from pgdose.study.sources import PacsArchive


@contextlib.contextmanager
def pacs_source(snakemake):
    """The job's source as the study has it now, with all that stands in no params; the login.

    A mistake names its field from `sources` on.
    """
    name = snakemake.wildcards.source
    source = PacsArchive.model_validate(snakemake.config["sources"][name])
    try:
        yield source, read_credentials(source.server.credentials, os.environ)
    except UserError as error:
        field = f"sources.{name}"
        starts_with_key = re.match(r"(root|server|find|fetch)[\w.]*: ", str(error))
        raise UserError(f"{field}{'.' if starts_with_key else ': '}{error}") from None
