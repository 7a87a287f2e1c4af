"""Jobs do not import what they seldom need: a study has hundreds, and imports are most of some."""

import ast
import subprocess
import sys

import pytest
from helpers.workflow import PROJECT


@pytest.mark.parametrize(
    ("script", "heavy"),
    [
        ("measure", ["scipy.stats", "statsmodels", "matplotlib", "torch"]),
        ("render", ["skimage", "scipy.ndimage", "torch"]),
        ("contact_sheet", ["skimage", "pydicom", "torch"]),
        ("screen", ["skimage.transform", "torch"]),
        ("thumbnails", ["pydicom", "torch"]),
    ],
)
def test_a_script_imports_nothing_heavy_that_it_seldom_needs(script: str, heavy: list[str]) -> None:
    tree = ast.parse((PROJECT / f"scripts/{script}.py").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    code = "\n".join([*map(ast.unparse, imports), "import sys; print(*sys.modules)"])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT / "scripts", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert not set(heavy) & set(done.stdout.split())
