"""`python -m pgdose.reference [--check]` writes, or checks, the generated pages of a checkout."""

import sys
from pathlib import Path

from pgdose.reference.pages import outdated, write

ROOT = Path(__file__).resolve().parents[3]


def main(arguments: list[str]) -> int:
    if not (ROOT / "docs/reference").is_dir():
        print("pgdose.reference: call it from a checkout's code", file=sys.stderr)
        return 2
    if arguments == ["--check"]:
        for path in outdated(ROOT):
            print(f"{path} is not up to date: run `make reference`", file=sys.stderr)
        return 1 if outdated(ROOT) else 0
    if arguments:
        print("usage: python -m pgdose.reference [--check]", file=sys.stderr)
        return 2
    for path in write(ROOT):
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
