"""What the X-ray archive costs: headers, pixels, reports, cohorts.

.venv/bin/python benchmarks/xray.py
"""

import xray_cohort
import xray_pixels
import xray_reports


def main() -> None:
    xray_pixels.report(runs=7)
    print()
    measured = xray_reports.measure(20_000)
    print(
        f"reports: {measured['reports_per_second']:,.0f} a second on one core, negation and all, "
        f"{measured['characters']:.0f} characters in the mean"
    )
    print()
    xray_cohort.report(xray_cohort.FILMS)


if __name__ == "__main__":
    main()
