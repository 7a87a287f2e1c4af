"""The files of `snakemake --configfile`, before Snakemake reads them; the profiles call it.

Snakemake reads these files before the Snakefile. Of a mistake in their YAML it names neither the
file nor the line, of a key that stands twice it drops the first value, and it runs code in them.
"""

import argparse
import sys
from pathlib import Path

from pgdose.errors import UserError
from pgdose.study.study_file import read_study_file


def check_configfiles() -> None:
    """End Snakemake with a message if one of these files is no study that pgdose would read."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", type=Path, default=[])
    try:
        for path in parser.parse_known_args()[0].configfile:
            read_study_file(path)
    except UserError as error:
        sys.exit(str(error))
