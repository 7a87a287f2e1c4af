"""What the X-ray archive costs: headers, pixels, reports, cohorts.

.venv/bin/python benchmarks/xray.py
"""

import xray_cohort
import xray_pixels
import xray_reports


def main() -> None:
    xray_pixels.report(runs=7)
    print()
    xray_reports.report(50_000)
    print()
    xray_cohort.report(xray_cohort.FILMS)


if __name__ == "__main__":
    main()
