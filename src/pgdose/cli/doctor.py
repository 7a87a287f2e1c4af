"""`pgdose doctor`: what of the machine and the installation is missing, or will be slow."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pgdose.cli import installation
from pgdose.errors import UserError
from pgdose.project_files import workflow_root

GB = 10**9
LEAST_MEMORY, LEAST_DISK = 6, 10  # GB, of the default study with room to spare


class Finding(NamedTuple):
    """A line about the machine or the installation.

    state:  ok; missing: studies fail without it; slow: they run, but take longer; optional: only
            some studies need it
    advice: what to do; empty if nothing
    """

    topic: str
    state: str
    says: str
    advice: str = ""


def doctor(as_json: bool, folder: Path) -> tuple[list[str], int]:
    """A line for each finding, and the exit status: 1 if something is missing."""
    findings = [finding for look in CHECKS for finding in _safely(look, folder)]
    missing = sum(finding.state == "missing" for finding in findings)
    if as_json:
        rows = [finding._asdict() for finding in findings]
        return json.dumps(rows, indent=2, ensure_ascii=False).splitlines(), int(missing > 0)
    width = max(len(finding.topic) for finding in findings)
    lines = []
    for finding in findings:
        advice = f"; {finding.advice}" if finding.advice else ""
        lines.append(f"{finding.state:8}  {finding.topic:{width}}  {finding.says}{advice}")
    slow = sum(finding.state == "slow" for finding in findings)
    end = f"{missing} missing, {slow} slow" if missing or slow else "all is in order"
    return [*lines, end], int(missing > 0)


def _safely(look: Callable[[Path], Iterator[Finding]], folder: Path) -> Iterator[Finding]:
    """The findings of a check; a check that fails itself is one."""
    topic = look.__name__.strip("_")
    try:
        yield from look(folder)
    except Exception as error:
        yield Finding(
            topic, "missing", f"cannot be looked at ({type(error).__name__})", "install it again"
        )


# --- the installation -----------------------------------------------------------------------------


def _python(folder: Path) -> Iterator[Finding]:
    bounds = installation.python_bounds()
    here = ".".join(map(str, sys.version_info[:3]))
    if here in SpecifierSet(bounds):
        yield Finding("python", "ok", here)
    else:
        yield Finding("python", "missing", f"{here}, but pgdose needs {bounds}", "use another")


def _libraries(folder: Path) -> Iterator[Finding]:
    needed = installation.requirements()
    faults = [fault for requirement in needed if (fault := _fault(requirement))]
    if not faults:
        yield Finding("libraries", "ok", f"all {len(needed)} are there, in versions that fit")
    for requirement, what in faults:
        advice = f"pip install '{requirement}'"
        yield Finding(f"library {requirement.name}", "missing", what, advice)


def _fault(requirement: Requirement) -> tuple[Requirement, str] | None:
    try:
        present = version(requirement.name)
    except PackageNotFoundError:
        return requirement, "not installed"
    if requirement.specifier.contains(present, prereleases=True):
        return None
    return requirement, f"{present}, but pgdose needs {requirement.specifier}"


def _workflow(folder: Path) -> Iterator[Finding]:
    try:
        workflow_root()
        yield Finding("workflow", "ok", "Snakefile and scripts are there")
    except UserError as error:
        yield Finding("workflow", "missing", str(error))
    for requirement in installation.requirements("workflow"):
        fault = _fault(requirement)
        if fault:
            advice = "pip install 'pgdose[workflow]', without which no study runs"
            yield Finding(requirement.name, "missing", fault[1], advice)
        else:
            yield Finding(requirement.name, "ok", version(requirement.name))


def _extras(folder: Path) -> Iterator[Finding]:
    uses = {
        "onnx": "networks in ONNX",
        "timm": "architectures of timm",
        "tensorboard": "training: {tensorboard: true}",
        "peers": "attacks of other libraries",
        "slurm": "clusters with Slurm",
    }
    for extra, use in uses.items():
        faults = [fault for r in installation.requirements(extra) if (fault := _fault(r))]
        if faults:
            names = ", ".join(f"{r.name} {what}" for r, what in faults)
            advice = f"pip install 'pgdose[{extra}]' if you need it"
            yield Finding(f"extra {extra}", "optional", f"for {use}: {names}", advice)
        else:
            yield Finding(f"extra {extra}", "ok", f"for {use}")


def _slides(folder: Path) -> Iterator[Finding]:
    try:
        import openslide

        yield Finding("slides", "ok", f"OpenSlide {openslide.__library_version__}")
    except (ImportError, OSError):
        yield Finding(
            "slides", "missing", "OpenSlide cannot be loaded", "pip install openslide-bin"
        )


def _dicom(folder: Path) -> Iterator[Finding]:
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    from pgdose.xray.decoders import DECODERS

    lacking = []
    for syntax, names in DECODERS.items():
        plugins = get_decoder(UID(syntax)).available_plugins
        absent = [name for name in names if name not in plugins and not _imports(name)]
        if absent:
            lacking.append(f"{UID(syntax).name} ({', '.join(absent)})")
    if not lacking:
        yield Finding("dicom", "ok", f"all {len(DECODERS)} compressed transfer syntaxes are read")
    for what in lacking:
        yield Finding("dicom", "missing", f"no decoder for {what}", "install pgdose's libraries")


def _imports(name: str) -> bool:
    """Whether a decoder that is no plug-in of pydicom can be loaded."""
    if name != "imagecodecs":
        return False
    import imagecodecs

    return bool(imagecodecs.JPEG2K.available)


# --- the machine ----------------------------------------------------------------------------------


def _torch(folder: Path) -> Iterator[Finding]:
    import torch

    card = _has_nvidia()
    if not torch.cuda.is_available():
        if card and torch.version.cuda is None:
            says = f"torch {torch.__version__} is built without CUDA, and there is an NVIDIA GPU"
            yield Finding("gpu", "slow", says, "install torch with CUDA, see pytorch.org")
        elif card:
            says = "torch finds no GPU, though nvidia-smi lists one"
            yield Finding("gpu", "slow", says, "update the driver, or look at CUDA_VISIBLE_DEVICES")
        else:
            says = f"torch {torch.__version__}, no GPU: networks run on the CPU"
            yield Finding("gpu", "slow", says, "run with --resources gpu=0")
        return
    try:
        ones = torch.ones(64, 64, device="cuda")
        right = bool(((ones @ ones) == 64).all())
    except RuntimeError:
        right = False
    name = torch.cuda.get_device_name()
    if right:
        memory = torch.cuda.get_device_properties(0).total_memory / GB
        count = torch.cuda.device_count()
        yield Finding("gpu", "ok", f"{count} x {name}, {memory:.0f} GB")
    else:
        yield Finding("gpu", "missing", f"{name} does not compute", "update driver and torch")


def _has_nvidia() -> bool:
    try:
        told = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return told.returncode == 0 and "GPU" in told.stdout


def _processor(folder: Path) -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    state = "ok" if cores > 1 else "slow"
    yield Finding("processor", state, f"{cores} core{'s' * (cores > 1)} for this process")


def _memory(folder: Path) -> Iterator[Finding]:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (text := limit.read_text().strip()).isdecimal():
        total = min(total, int(text))
    if total < LEAST_MEMORY * GB:
        advice = "run with --cores 1, and set mem_mb in the study"
        yield Finding("memory", "slow", f"{total / GB:.1f} GB", advice)
    else:
        yield Finding("memory", "ok", f"{total / GB:.1f} GB")


def _disk(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free / GB
    if free < LEAST_DISK:
        says = f"{free:.1f} GB are free here"
        yield Finding("disk", "slow", says, "`pgdose check STUDY` says what a study takes")
    else:
        yield Finding("disk", "ok", f"{free:.0f} GB are free here")


def _file_system(folder: Path) -> Iterator[Finding]:
    """Results appear whole by renaming; jobs that share a file lock it."""
    faults = []
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".pgdose-doctor-") as name:
            one, other = Path(name, "one"), Path(name, "other")
            one.write_text("new")
            other.write_text("old")
            one.replace(other)
            if one.exists() or other.read_text() != "new":
                faults.append("a file cannot be renamed over another one")
            if not _locks(other):
                faults.append("files cannot be locked")
            other.chmod(0o600)
            if other.stat().st_mode & 0o077:
                faults.append("files cannot be kept from other users")
    except OSError as error:
        faults.append(f"nothing can be written here ({error.strerror})")
    advice = "work in a folder of a local disk"
    for fault in faults:
        yield Finding("file system", "missing", fault, advice)
    if not faults:
        yield Finding("file system", "ok", "renames files whole, locks them, keeps them private")


def _locks(path: Path) -> bool:
    """Whether a second lock on a file is refused."""
    with path.open("rb") as one, path.open("rb") as other:
        try:
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def _private(folder: Path) -> Iterator[Finding]:
    private = folder / "private"
    if not private.exists():
        yield Finding("private/", "ok", "is made by the first study")
    elif not os.access(private, os.W_OK | os.X_OK):
        yield Finding("private/", "missing", "cannot be written", "chown it, or work elsewhere")
    elif private.stat().st_mode & 0o077:
        yield Finding("private/", "slow", "other users may look into it", "chmod 700 private")
    else:
        yield Finding("private/", "ok", "can be written, and only by you")


CHECKS = (
    *(_python, _libraries, _workflow, _slides, _dicom, _extras),
    *(_torch, _processor, _memory, _disk, _file_system, _private),
)
