"""A trained model as a folder that runs without this project.

    exports/NAME/FORMAT/model.onnx | model.tflite | model | model.xml and model.bin
    exports/NAME/FORMAT/model.json     the file, the classes, and what goes in and comes out
    exports/NAME/FORMAT/example.py     runs it, with NumPy, Pillow and the runtime alone

The exported model is the served one: it takes photographs of any size, as uint8, and resizes and scales them itself.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from maskwright.serving import runtimes
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import Shows
from maskwright.shared.outputs import replaced_folder, write_json

if TYPE_CHECKING:
    import keras

ABOUT, EXAMPLE = "model.json", "example.py"


class Format(NamedTuple):
    """An export format.

    Attributes:
        keras_name: what Keras calls it.
        file: the name of the model's file or folder.
        needs: the modules without which Keras cannot write it.
        load: loads it; copied into the example.
        runtime: the package that runs it.
        batch: how many photographs it takes at a time; None: any number.
    """

    keras_name: str
    file: str
    needs: tuple[str, ...]
    load: Callable[..., Any]
    runtime: str
    batch: int | None = None


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "onnx": Format("onnx", "model.onnx", ("tf2onnx", "onnx"), runtimes.load_onnx, "onnxruntime"),
        # The converter writes shapes that LiteRT refuses where the number of photographs is open.
        "litert": Format("litert", "model.tflite", (), runtimes.load_litert, "ai-edge-litert", 1),
        "savedmodel": Format("tf_saved_model", "model", (), runtimes.load_savedmodel, "tensorflow"),
        "openvino": Format("openvino", "model.xml", ("openvino",), runtimes.load_openvino, "openvino"),
    }
)


def check_export(chosen: str, out: Path) -> None:
    """Find what would stop an export, before the model is loaded.

    Raises:
        MaskwrightError: a package is missing, or `out` holds something else than an earlier export.
    """
    missing = [module for module in FORMATS[chosen].needs if find_spec(module) is None]
    if missing:
        raise MaskwrightError(
            f"--to {chosen}: needs {' and '.join(missing)}; "
            'run `.venv/bin/uv pip install --python .venv/bin/python -e ".[export]"`'
        )
    if out.exists() and not ((out / ABOUT).is_file() and (out / EXAMPLE).is_file()):
        raise MaskwrightError(f"{out}: is there already, and is no earlier export; name a new folder in --out")


def export(model: "keras.Model", chosen: str, out: Path, *, name: str, classes: list[str], shows: Shows) -> None:
    """Write a served model, with its description and an example, as `out`, which is replaced.

    The exported model computes in float32, whatever it was trained in: no runtime has all operations in bfloat16.

    Args:
        model: with one input, (B, H, W, 3) uint8 photographs of any size, and one output.
        chosen: one of `FORMATS`.
        out: the folder.
        name: the experiment's name.
        classes: the classes' names in index order, background first.
        shows: the experiment's module that shows an output.

    Raises:
        MaskwrightError: as for `check_export`; or the converter cannot express an operation of the model.
    """
    import keras

    check_export(chosen, out)
    how = FORMATS[chosen]
    in_float32(model)
    (given,), (made,) = model.inputs, model.outputs
    signature = [keras.InputSpec(dtype=given.dtype, shape=(how.batch, *given.shape[1:]), name=given.name)]
    with replaced_folder(out) as folder:
        try:
            model.export(
                str(folder / how.file),
                format=how.keras_name,
                verbose=False,
                input_signature=signature,
                **_options(chosen),
            )
        except Exception as error:  # each converter has errors of its own
            said = " ".join(str(error).split())[:200]
            raise MaskwrightError(f"{name}: cannot be written as {chosen}: {said}; try another format") from error
        about = {
            "experiment": name,
            "format": chosen,
            "file": how.file,
            "classes": classes,
            "input": {
                "name": given.name,
                "dtype": given.dtype,
                "shape": [how.batch, *given.shape[1:]],
                "meaning": "photographs as shown (turned as their EXIF data say), RGB from 0 to 255; null: any",
            },
            "output": {
                "dtype": made.dtype,
                "shape": [how.batch, *made.shape[1:]],
                "meaning": shows.OUTPUT,
            },
        }
        write_json(folder / ABOUT, about)
        (folder / EXAMPLE).write_text(example(chosen, name, shows), encoding="utf-8")


def _options(chosen: str) -> dict[str, Any]:
    """Return what Keras's exporter is to pass on to the converter."""
    if chosen == "onnx":
        return {"opset_version": 17}  # read by every ONNX Runtime since 1.12, of 2022
    if chosen == "litert":
        import tensorflow as tf

        # Keras allows TensorFlow's own operations too; the file is then written, but LiteRT alone cannot run it.
        return {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}
    return {}


def in_float32(model: Any) -> None:
    """Let a model, with all layers in it, compute in float32; its weights are that already."""
    for layer in model._flatten_layers():
        layer.dtype_policy = "float32"


def example(chosen: str, name: str, shows: Shows) -> str:
    """Return the text of a script that runs an exported model, without this project."""
    how = FORMATS[chosen]
    load = inspect.getsource(how.load).replace(f"def {how.load.__name__}(", "def load(")
    return _EXAMPLE.format(
        name=json.dumps(name)[1:-1],
        runtime=how.runtime,
        load=load.strip(),
        show=inspect.getsource(shows.show).strip(),
    )


_EXAMPLE = '''"""Run the exported model ({name}) on photographs.

    pip install numpy pillow {runtime}
    python example.py PHOTOGRAPH...
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps


{load}


{show}


def main() -> None:
    """Show what the model says of each photograph that is named on the command line."""
    here = Path(__file__).parent
    about = json.loads((here / "model.json").read_text(encoding="utf-8"))
    predict = load(here / about["file"])
    for name in sys.argv[1:]:
        image = np.asarray(ImageOps.exif_transpose(Image.open(name)).convert("RGB"))
        show(predict(image[None]), image, about["classes"], Path(name).stem)


if __name__ == "__main__":
    main()
'''
