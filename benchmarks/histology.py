"""What histology costs: slides, beside peers too, microscope fields, memory of large slides.

.venv/bin/python benchmarks/histology.py [--part slides|peers|fields|memory] [--slides FOLDER]
"""

import argparse

import histology_fields
import histology_memory
import histology_peers
import histology_slides


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ("slides", "peers", "fields", "memory")
    parser.add_argument("--part", choices=parts, help="this one only")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--processes", type=int, default=5, help="of each way beside the peers")
    histology_slides.add_arguments(parser)
    histology_peers.add_peers(parser)
    arguments = parser.parse_args()
    peers = histology_peers.parse_peers(arguments.peers)
    for part in [arguments.part] if arguments.part else parts:
        if part == "slides":
            histology_slides.report(arguments.slides, arguments.rounds)
        elif part == "peers":
            histology_peers.report(arguments.slides, peers, arguments.processes, arguments.rounds)
        elif part == "fields":
            histology_fields.report(arguments.rounds)
        else:
            histology_memory.report(repeats=10)
        print()


if __name__ == "__main__":
    main()
