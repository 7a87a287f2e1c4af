"""DoseResponse: what `dose_response` returns."""

import html
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import softmax

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.intervals import rate_interval, wilson
from pgdose.analysis.needed_dose import smallest_level
from pgdose.analysis.outcomes import Outcomes, outcomes
from pgdose.analysis.success import success_rates
from pgdose.api import page
from pgdose.attack.surface_table import SurfaceTable
from pgdose.errors import UserError
from pgdose.plots import dose_response as plot
from pgdose.plots.style import AMPLITUDE, EPSILON

DRAWS, SEED = 2000, 0  # of the bootstrap over patients
SUCCESS = ("final", "any")
LENGTH = f"length of the change {EPSILON} (L2)"


@dataclass(frozen=True, kw_only=True)
class DoseResponse:
    """The dose-response of a network under an attack, on n images.

    surface:       logits of every iterate of the m attacked images; its members are positions
                   among the n images
    labels:        (n,) int, the true classes
    clean:         (n, classes) float, logits of the clean images
    offset:        (classes,) float: softmax(logits + offset) are the network's probabilities
    classes:       names, in the order of the outputs
    patients:      (n,) of each image; None if they were not given
    attack:        its name
    settings:      all that the figures depend on, by name
    notes:         what was decided without being asked, and what to look at
    check_results: of each check of the attack: check, verdict, says, figure, details
    seconds:       that it took
    """

    surface: SurfaceTable
    labels: np.ndarray
    clean: np.ndarray
    offset: np.ndarray
    classes: tuple[str, ...]
    patients: list[str] | None
    attack: str
    settings: dict[str, Any]
    notes: tuple[str, ...] = ()
    check_results: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    seconds: float = 0.0

    # --- counts -----------------------------------------------------------------------------------

    @property
    def epsilons(self) -> tuple[float, ...]:
        """The amplitudes, rising."""
        return self.surface.doses.epsilons

    @property
    def n_images(self) -> int:
        """The number of images, n."""
        return len(self.labels)

    @property
    def right(self) -> np.ndarray:
        """Whether the network gets each clean image right, (n,) bool."""
        return np.asarray(self.clean.argmax(axis=1) == self.labels)

    @property
    def n_right(self) -> int:
        """The number of images that the network gets right without an attack."""
        return int(self.right.sum())

    @property
    def clean_accuracy(self) -> float:
        """The share of the images that the network gets right."""
        return self.n_right / self.n_images

    @property
    def clean_interval(self) -> tuple[float, float]:
        """The 95 % interval of the clean accuracy, over patients or images as `interval` says."""
        if self.patients is None:
            low, high = wilson(self.n_right, self.n_images)
            return float(low), float(high)
        people = self._draws(np.arange(self.n_images))
        counted = np.ones((self.n_images, 1), bool)
        low, high = rate_interval(
            bootstrap.rates(self.right[:, None], counted, people), people.clusters
        )
        return float(low[0]), float(high[0])

    @property
    def interval(self) -> str:
        """What the intervals are over, in words."""
        if self.patients is None:
            return "Wilson, over images: too narrow if patients have several (give patients=)"
        count = len(set(self.patients))
        if count < bootstrap.FEWEST:
            return f"none, as they need at least {bootstrap.FEWEST} patients, and these are {count}"
        return f"bootstrap over {count} patients"

    # --- tables -----------------------------------------------------------------------------------

    @cached_property
    def _outcomes(self) -> Outcomes:
        return outcomes(self.surface, pd.Series(self.labels), len(self.classes))

    def _draws(self, images: np.ndarray) -> Patients:
        """The patients of some images and the draws of the bootstrap; none without patients."""
        if self.patients is None:
            return Patients(np.arange(len(images)), np.zeros((0, len(images)), np.uint8), False)
        return bootstrap.draw_patients([self.patients[i] for i in images], DRAWS, SEED)

    def asr(self) -> pd.DataFrame:
        """The attack success rate at every epsilon and iteration.

        A row for each, with the columns of a study's table asr: epsilon, iteration, n_images,
        n_correct, n_attacked, n_flipped, asr (n_flipped / n_attacked), ci_low and ci_high (95 %);
        wilson_low and wilson_high (over images); n_wrong, n_resisted, n_unknown; and with success
        at any iteration up to this one n_flipped_any, asr_any, any_low, any_high. Iteration 0 is
        the clean image. `attrs["interval"]` says what ci_low and ci_high are over.
        """
        result = self._outcomes
        table = success_rates(
            result,
            self._draws(result.members),
            n_images=self.n_images,
            n_correct=self.n_right,
        )
        if self.patients is None:
            table["ci_low"], table["ci_high"] = table["wilson_low"], table["wilson_high"]
            ends = wilson(table["n_flipped_any"], table["n_attacked"])
            table["any_low"], table["any_high"] = ends
        table.attrs["interval"] = self.interval
        return table

    def curve(self, iteration: int | None = None, success: str = "final") -> pd.DataFrame:
        """The rates over epsilon: epsilon, n_attacked, n_flipped, asr, ci_low, ci_high.

        Args:
            iteration: one that was measured; None: the last.
            success: "final", wrong at this iteration, or "any", at this one or before.

        Raises:
            UserError: an iteration that was not measured, or another `success`.
        """
        _check_success(success)
        measured = self._outcomes.iterations
        iteration = measured[-1] if iteration is None else iteration
        if iteration not in measured:
            shown = f"0 to {measured[-1]}" if len(measured) > measured[-1] else measured
            raise UserError(f"iteration: {iteration} was not measured; give one of {shown}")
        table = self.asr()
        table = table[table["iteration"] == iteration].reset_index(drop=True)
        names = ["n_flipped", "asr", "ci_low", "ci_high"]
        if success == "any":
            any_ = ["n_flipped_any", "asr_any", "any_low", "any_high"]
            table[names] = table[any_]
        curve = table[["epsilon", "n_attacked", *names]]
        curve.attrs["interval"] = self.interval
        return curve

    def table(self) -> pd.DataFrame:
        """A row for each image and epsilon; epsilons of an image stand together.

        Columns: image (its position), patient (if given), label, predicted and confidence (of the
        clean image: its class by name, and the probability of that), attacked (bool: right without
        an attack), epsilon; then, missing for images that were not attacked, flipped (bool, at the
        last iteration), flipped_any (bool), first_iteration (that flips it; missing if none does),
        predicted_after and change (the largest change of a pixel, or its length in L2).
        """
        n, e = self.n_images, len(self.epsilons)
        classes = np.array(self.classes, dtype=object)
        probabilities = softmax(self.clean + self.offset, axis=1)
        decision = self.clean.argmax(axis=1)
        images: dict[str, Any] = {"image": np.arange(n)}
        if self.patients is not None:
            images["patient"] = self.patients
        images |= {
            "label": classes[self.labels],
            "predicted": classes[decision],
            "confidence": probabilities[np.arange(n), decision],
            "attacked": np.isin(np.arange(n), self.surface.members),
        }
        rows = pd.DataFrame(images).loc[np.repeat(np.arange(n), e)].reset_index(drop=True)
        rows["epsilon"] = np.tile(np.array(self.epsilons), n)
        places = (self._outcomes.members[:, None] * e + np.arange(e)).ravel()
        after = pd.DataFrame(self._after(), index=places).reindex(rows.index)
        types = {"flipped": "boolean", "flipped_any": "boolean", "first_iteration": "Int64"}
        return rows.join(after.astype(types))

    def _after(self) -> dict[str, Any]:
        """What became of each attacked image at each epsilon, images before epsilons."""
        result = self._outcomes
        flips = result.flipped()
        last = result.iterations[-1]
        any_ = flips.any(axis=2)
        first = np.where(any_, flips.argmax(axis=2), -1).ravel()
        predicted = np.array(self.classes, dtype=object)[result.predicted[:, :, last]]
        kept = np.isin(self.surface.members, result.members)
        return {
            "flipped": flips[:, :, last].ravel(),
            "flipped_any": any_.ravel(),
            "first_iteration": pd.Series(first, dtype="Int64").mask(first < 0).array,
            "predicted_after": predicted.ravel(),
            "change": self.surface.change[kept].astype(float).ravel(),
        }

    def smallest_epsilon(self, success: str = "final") -> pd.Series:
        """The smallest epsilon that flips each image: n floats, by the image's position.

        Infinite where no epsilon does, NaN where the network is wrong without an attack.

        Args:
            success: as for `curve`.
        """
        _check_success(success)
        result = self._outcomes
        iteration = result.iterations[-1]
        level = smallest_level(result, iteration=iteration, success=success)
        smallest = pd.Series(np.nan, index=range(self.n_images), name="smallest_epsilon")
        smallest.loc[result.members] = np.append(result.epsilons, np.inf)[level]
        smallest.index.name = "image"
        return smallest

    def checks(self) -> pd.DataFrame:
        """The checks of the attack: check, verdict (passed, failed, not done), says, figure."""
        columns = ["check", "verdict", "says", "figure"]
        return pd.DataFrame(list(self.check_results), columns=columns)

    # --- pictures and pages -----------------------------------------------------------------------

    def plot(self, ax: Axes | None = None, success: str = "final") -> Figure:
        """The success rate over epsilon at the last iteration, with its 95 % interval.

        Args:
            ax: axes of matplotlib to draw in; None: a new figure, made without pyplot.
            success: as for `curve`.

        Returns:
            The figure; a notebook shows it.
        """
        amplitude = LENGTH if self.settings["attack"].get("clip") == "l2" else AMPLITUDE
        return plot.dose_response(self.curve(success=success), self.attack, amplitude, ax)

    def report(self, path: str | Path) -> Path:
        """Write one HTML page that needs no other file: curve, tables, checks, settings, versions.

        The page names no image, no patient and no file.

        Args:
            path: ends in .html or .htm; a file there is replaced.

        Raises:
            UserError: the path ends in something else.
        """
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise UserError(f"report: {path.name!r}; give a file that ends in .html")
        page.write(self, path)
        return path

    def counts(self) -> dict[str, int]:
        """How many checks passed, failed or were not done."""
        verdicts = Counter(check["verdict"] for check in self.check_results)
        return {verdict: verdicts[verdict] for verdict in ("passed", "failed", "not done")}

    def __repr__(self) -> str:
        low, high = self.clean_interval
        people = f", {len(set(self.patients))} patients" if self.patients is not None else ""
        lines = [
            f"DoseResponse: attack '{self.attack}' on {self.n_images} images, "
            f"{len(self.classes)} classes{people}",
            f"clean accuracy {self.clean_accuracy:.3f} {page.bounds(low, high)}: {self.n_right} of "
            f"{self.n_images} right",
            f"{'epsilon':>10}  {'flipped':>12}  success rate [95 %]",
        ]
        for row in self.curve().itertuples():
            lines.append(
                f"{row.epsilon:>10.4g}  {f'{row.n_flipped} of {row.n_attacked}':>12}  "
                f"{row.asr:.3f} {page.bounds(row.ci_low, row.ci_high)}"
            )
        lines.append(f"intervals: {self.interval}")
        counts = ", ".join(f"{count} {verdict}" for verdict, count in self.counts().items())
        failed = [c["check"] for c in self.check_results if c["verdict"] == "failed"]
        lines.append(f"checks: {counts}" + (f" (failed: {', '.join(failed)})" if failed else ""))
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>{page.picture(self.plot())}"


def _check_success(success: str) -> None:
    if success not in SUCCESS:
        raise UserError(f"success: {success!r:.40}; use one of: {', '.join(SUCCESS)}")
