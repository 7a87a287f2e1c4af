"""`python -m pgdose.cli` does the same as `pgdose`."""

import sys

from pgdose.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
