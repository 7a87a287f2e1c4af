"""What networks are saved as elsewhere, and how to bring each to pgdose.

`refusal` says it for a file of a kind that is not read. The commands are for a person's own
Python, since some of these files run as programs when they are loaded.
"""

import re
import shlex
from pathlib import PurePath

TO_PROGRAM = (
    "torch.export.save(torch.export.export(model.eval(), (torch.zeros(2, 3, 224, 224),), "
    "dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)), 'model.pt2')"
)
TO_WEIGHTS = (
    "import torch, safetensors.torch; s = torch.load(FILE, map_location='cpu', weights_only=True); "
    "s = s.get('state_dict', s.get('model_state_dict', s.get('model', s.get('net', s)))); "
    "safetensors.torch.save_file({k: v.clone()"
    ".contiguous() for k, v in s.items() if torch.is_tensor(v)}, 'model.safetensors')"
)
# tf2onnx.convert.from_keras fails on networks of Keras 3.
KERAS = (
    'in its folder run: pip install tf2onnx tensorflow; python -c "import tensorflow as tf; '
    "tf.keras.models.load_model(FILE).export('saved')\"; python -m tf2onnx.convert --saved-model "
    "saved --output model.onnx; and give model.onnx with 'input: {layout: channels_last}'"
)
TF2ONNX = "and give model.onnx with 'input: {layout: channels_last}'"
ORIGINAL = (
    "it cannot be turned back; give the network that it was made of: in Python, "
    f"{TO_PROGRAM}, or its .onnx file"
)
# By kind: what a file of it is called, and what to do. FILE stands for the file's name.
ADVICE = {
    "torch": (
        "a file of torch.save (a pickle, which can run code)",
        f'of weights (a state_dict), run in its folder: python -c "{TO_WEIGHTS}", '
        "and give model.safetensors "
        f"with 'architecture'; of a whole network, load it in your own Python and run: "
        f"{TO_PROGRAM}",
    ),
    "pickle": (
        "a pickle, which can run code",
        "load it in your own Python; if it holds a torch network, run: "
        f"{TO_PROGRAM}; models of scikit-learn have no gradient and cannot be audited",
    ),
    "joblib": (
        "a file of joblib (a pickle, which can run code)",
        "load it in your own Python; if it holds a torch network, run: "
        f"{TO_PROGRAM}; models of scikit-learn have no gradient and cannot be audited",
    ),
    "hdf5": ("a Keras model (HDF5)", KERAS),
    "keras": ("a Keras model", KERAS),
    "tflite": (
        "a TensorFlow Lite model",
        "in its folder run: pip install tf2onnx tensorflow; "
        "python -m tf2onnx.convert --tflite FILE "
        f"--output model.onnx; {TF2ONNX}",
    ),
    "savedmodel": (
        "a TensorFlow SavedModel",
        "in its folder run: pip install tf2onnx tensorflow; "
        "python -m tf2onnx.convert --saved-model FOLDER "
        f"--output model.onnx; {TF2ONNX}",
    ),
    "graphdef": (
        "a frozen TensorFlow graph",
        "in its folder run: pip install tf2onnx tensorflow; "
        "python -m tf2onnx.convert --graphdef FILE "
        f"--inputs input:0 --outputs logits:0 --output model.onnx, with the names of its own input "
        f"and output; {TF2ONNX}",
    ),
    "coreml": ("a Core ML model", ORIGINAL),
    "tensorrt": ("a TensorRT engine, compiled for one GPU", ORIGINAL),
    "openvino": ("an OpenVINO model", ORIGINAL),
}
SUFFIXES = {
    **{".pth": "torch", ".ckpt": "torch", ".bin": "torch", ".tar": "torch"},
    **{".pkl": "pickle", ".pickle": "pickle", ".joblib": "joblib"},
    **{".h5": "hdf5", ".hdf5": "hdf5", ".keras": "keras", ".tflite": "tflite"},
    **{".pb": "graphdef", ".mlmodel": "coreml", ".mlpackage": "coreml"},
    **{".engine": "tensorrt", ".plan": "tensorrt", ".trt": "tensorrt", ".xml": "openvino"},
}


def kind_of_suffix(path: str) -> str | None:
    """The kind of a file that is not read, by its name."""
    name = PurePath(path)
    if name.name == "saved_model.pb":
        return "savedmodel"
    return SUFFIXES.get(name.suffix.lower())


def refusal(kind: str, path: str) -> str:
    """What a file of a kind is, and how to bring it: `a Keras model, which is not read; ...`."""
    name, advice = ADVICE[kind]
    file = PurePath(path)
    folder = _plain(file.parent.name or ".", "FOLDER")
    quoted = advice.replace("(FILE", f"({_plain(file.name, 'FILE')!r}")
    quoted = quoted.replace("FILE", shlex.quote(_plain(file.name, "FILE")))
    return f"{name}, which is not read; {quoted.replace('FOLDER', shlex.quote(folder))}"


def _plain(name: str, placeholder: str) -> str:
    """A name that a shell and Python read alike inside of quotes, else a placeholder."""
    return name if re.fullmatch(r"[\w .+-]{1,200}", name) else placeholder
