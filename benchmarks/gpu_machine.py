"""Part `machine`: the GPU, versions, packages that are missing, other libraries of attacks."""

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
from typing import Any

import gpu_imports
from gpu_report import Part

PEERS = {"torchattacks": "torchattacks", "foolbox": "foolbox", "art": "ART", "adv_lib": "adv-lib"}


def run(part: Part) -> None:
    part.measure("torch", "torch and the GPU", torch_and_gpu, share=0.9)
    part.measure("packages", "pgdose's modules", modules, share=0.9)
    part.measure("packages", "other libraries of attacks", peers)
    part.measure("system", "system", system)


def torch_and_gpu() -> dict[str, Any]:
    import torch
    import torchvision

    about: dict[str, Any] = {
        "cuda": torch.cuda.is_available(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "built for CUDA": torch.version.cuda or "none",
        "cuDNN": str(torch.backends.cudnn.version()),
    }
    if about["cuda"]:
        properties = torch.cuda.get_device_properties(0)
        free, total = torch.cuda.mem_get_info(0)
        about |= {
            "GPU": properties.name,
            "GPUs": torch.cuda.device_count(),
            "capability": f"{properties.major}.{properties.minor}",
            "multiprocessors": properties.multi_processor_count,
            "GB": round(total / 1e9, 1),
            "GB free": round(free / 1e9, 1),
        }
    return about


def modules() -> dict[str, Any]:
    """Import them as the other parts do."""
    missing = gpu_imports.prepare()
    replaced = "; resume states are written by torch.save" if "safetensors" in missing else ""
    return {
        "missing or unusable": missing or "none",
        "note": f"stand-ins take their place{replaced}" if missing else "",
        "to install them": f"pip install {' '.join(missing)}" if missing else "",
    }


def peers() -> dict[str, Any]:
    there = [title for name, title in PEERS.items() if importlib.util.find_spec(name)]
    return {"there": there or "none", "left out": [t for t in PEERS.values() if t not in there]}


def system() -> dict[str, Any]:
    found = {"python": platform.python_version(), "CPU cores": os.cpu_count() or 0}
    try:
        query = ["nvidia-smi", "--query-gpu=driver_version,power.limit", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True, timeout=20)
        found["driver and power limit"] = done.stdout.strip().splitlines()[0]
    except (OSError, subprocess.TimeoutExpired, IndexError):
        found["driver and power limit"] = "nvidia-smi says nothing"
    return found
