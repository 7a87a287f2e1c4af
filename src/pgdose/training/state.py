"""Everything that a training resumes from after an epoch: weights, optimiser, schedule, history."""

import logging
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pgdose import tensor_files
from pgdose.devices import Autocast, set_precision
from pgdose.errors import Damaged
from pgdose.study.training import Training
from pgdose.training import history, optimizer
from pgdose.training.ranks import ALONE, Rank

log = logging.getLogger(__name__)

AUTOCAST_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class TrainingState:
    """A network in training, with its optimiser, schedule, best weights and history.

    images_at_once: images whose gradients are computed together; half as many each time that
        memory runs out.
    rank: of this process among those that train the network together.
    autocast: bfloat16 or float16, or None for float32.
    own_model: the network in that precision.
    model: the same; its gradients become the mean over all processes.
    best: the weights of the best epoch so far, if the settings keep that one.
    perturbation: of `adversarial.method: free`, what each place in a batch carries to the next one,
        batch x channels x rows x columns; empty before the first batch, and for other methods.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: Training,
        steps: int,
        device: torch.device,
        rank: Rank = ALONE,
    ) -> None:
        """`steps` is the number of optimiser steps in an epoch."""
        self.network, self.settings, self.device, self.rank = network, settings, device, rank
        self.optimiser = optimizer.OPTIMIZERS[settings.optimizer](
            network.parameters(),
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            fused=True,  # on a CPU too, where it takes a quarter of the time
        )
        self.schedule = optimizer.lr_schedule(self.optimiser, settings, settings.epochs * steps)
        self.autocast = AUTOCAST_TYPES.get(set_precision(settings.precision, device))
        self.own_model = Autocast(network, self.autocast) if self.autocast else network
        self.model = self.own_model
        if rank.size > 1:
            self.model = DistributedDataParallel(
                self.model,
                find_unused_parameters=True,  # as alone: what has no gradient is left as it is
            )
            self.model.broadcast_buffers = False  # equal already, see synchronised_batch_norm
        # Small gradients vanish in fp16 unless the loss is scaled up.
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.autocast == torch.float16)
        self.images_at_once = settings.batch
        self.history: list[history.Row] = []
        self.best: dict[str, Tensor] = {}
        self.perturbation = torch.empty(0, device=device)

    def step(self) -> None:
        """One step of the optimiser along the gradients that are there, and of the schedule."""
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.schedule.step()

    def carried_perturbation(self, images: Tensor) -> Tensor:
        """`perturbation`, begun with zeros for images of this shape and type."""
        if not len(self.perturbation):
            self.perturbation = images.new_zeros(self.settings.batch, *images.shape[1:])
        return self.perturbation

    def add_epoch(self, row: history.Row) -> None:
        """Append an epoch to the history, and copy the weights if it is the best so far."""
        self.history.append(row)
        if self.settings.keep == "best" and self.kept_epoch() == row["epoch"]:
            self.best = {k: v.detach().clone() for k, v in self.network.state_dict().items()}

    def kept_epoch(self) -> int:
        """The epoch whose weights are the result: the last one or the best one."""
        if self.settings.keep == "last":
            return int(self.history[-1]["epoch"])
        return history.best_epoch(self.history)

    def restore_best(self) -> None:
        """Put the weights of the kept epoch into the network."""
        if self.best:
            self.network.load_state_dict(self.best)

    def save(self, path: Path) -> None:
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        if len(self.perturbation):
            tensors["perturbation.carried"] = self.perturbation
        optimiser = self.optimiser.state_dict()
        for number, moments in optimiser["state"].items():
            tensors |= {f"optimiser.{number}.{name}": tensor for name, tensor in moments.items()}
        metadata = {
            "history": self.history,
            "groups": optimiser["param_groups"],
            "rate": {k: v for k, v in self.schedule.state_dict().items() if not callable(v)},
            "scaler": self.scaler.state_dict(),
        }
        tensor_files.save(tensors, path, metadata)

    def load(self, path: Path) -> None:
        """Restore what `save` wrote; without a file, or with a damaged one, change nothing."""
        try:
            tensors, metadata = tensor_files.load(path)
        except FileNotFoundError:
            return
        except Damaged as error:
            log.warning("%s; training starts again from epoch 1", error)
            return
        parameters = list(self.network.parameters())
        weights: dict[str, Tensor] = {}
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            kind, name = key.split(".", 1)
            if kind == "network":
                weights[name] = tensor
            elif kind == "best":
                self.best[name] = tensor.to(self.device)
            elif kind == "perturbation":
                self.perturbation = tensor.to(self.device)
            else:
                number, name = name.split(".")
                of = parameters[int(number)]
                if tensor.shape == of.shape:  # a fused step needs the layout of the weights, too
                    tensor = torch.empty_like(of, dtype=tensor.dtype).copy_(tensor)
                moments.setdefault(int(number), {})[name] = tensor
        self.network.load_state_dict(weights)
        self.optimiser.load_state_dict({"state": moments, "param_groups": metadata["groups"]})
        self.schedule.load_state_dict(metadata["rate"])
        self.scaler.load_state_dict(metadata["scaler"])
        self.history = list(metadata["history"])
        self.images_at_once = int(self.history[-1]["at_once"])
