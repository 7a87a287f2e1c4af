"""Key `adversarial` of a training: the network is trained on attacked images."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from pgdose.study.amplitudes import Amplitude, Epsilon
from pgdose.study.base import CountOrZero, Iterations, Model, Real, mistake

BETA = 6.0  # of TRADES, as in its paper


class AdversarialTraining(Model):
    """Adversarial training with sign steps in the box round each image.

    pgd:    the loss of images that PGD has attacked (Madry et al. 2018)
    trades: the loss of clean images, and beta times the divergence of the outputs on images that
            are attacked to raise it (Zhang et al. 2019)
    free:   each batch is used `steps` times, and each gradient moves the weights and the images
            (Shafahi et al. 2019); an epoch takes as many gradient steps as a plain one
    """

    method: Literal["pgd", "trades", "free"]
    """`pgd` learns images that PGD has attacked; `trades` also clean images; `free` uses each
    gradient for the weights and the images.
    """
    epsilon: Epsilon
    """Largest change of a pixel that the network learns to withstand.

    Unit: full intensity range [0, 1]
    """
    steps: Iterations = 7
    """Steps of the attack on each batch. Of `free`: how often a batch is used, at most `epochs`.

    Unit: steps
    """
    alpha: Amplitude | None = None
    """Length of a step, at most twice `epsilon`. Left out: 2.5 * `epsilon` / `steps`; of `free`,
    `epsilon`.

    Unit: full intensity range [0, 1]
    """
    beta: Annotated[Real, Field(gt=0)] | None = None
    """Weight of the second term of TRADES. Left out: 6.

    Unit: none
    Only: with `method: trades`
    """
    warmup: CountOrZero = 0
    """Epochs over which `epsilon` and `alpha` rise by equal parts; fewer than `epochs`.

    Unit: epochs
    """

    @field_validator("alpha", mode="before")
    @classmethod
    def _refuse_parts_of_epsilon(cls, alpha: Any) -> Any:
        if isinstance(alpha, dict):
            raise mistake(
                "must be the length of a step itself, such as 0.0025; give that number, or leave "
                "it out ('of_epsilon' is for attacks alone)"
            )
        return alpha

    @property
    def step_length(self) -> float:
        """`alpha`, or what stands for it."""
        if self.alpha is not None:
            return self.alpha
        return self.epsilon if self.method == "free" else 2.5 * self.epsilon / self.steps

    @property
    def cost(self) -> int:
        """Forward and backward passes for each training image and epoch; plain training makes one.

        pgd: one for each step of the attack, and one of the attacked image
        trades: the same, one of the clean image, and a forward pass that is not counted
        free: one, since a gradient serves both, and an epoch has as many steps as a plain one
        """
        return {"pgd": self.steps + 1, "trades": self.steps + 2, "free": 1}[self.method]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.beta is not None and self.method != "trades":
            raise mistake(
                "is the weight of TRADES' second term, which 'method: {method}' does not have; "
                "leave it out, or set 'method: trades'",
                field="beta",
                method=self.method,
            )
        if self.alpha is not None and self.alpha > 2 * self.epsilon:
            raise mistake(
                "{alpha} is longer than the box is wide; use at most {most}, twice 'epsilon'",
                field="alpha",
                alpha=self.alpha,
                most=2 * self.epsilon,
            )
        return self
