"""How each runtime loads an exported model. Each function is copied into the example beside the model.

So each imports what it needs itself, and nothing of this project. It takes the model's path and returns a function
from (1, H, W, 3) uint8 photographs to the model's output.
"""

# pyright: reportMissingImports=false
# The runtimes are extras; each is needed only where its model runs.

from collections.abc import Callable
from pathlib import Path

import numpy as np


def load_onnx(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load a model for ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (name,) = [given.name for given in session.get_inputs()]
    return lambda images: np.asarray(session.run(None, {name: images})[0])


def load_litert(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load a model for LiteRT, which takes one photograph at a time."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    (signature,) = interpreter.get_signature_list().values()
    (name,), (output,) = signature["inputs"], signature["outputs"]
    run = interpreter.get_signature_runner()
    return lambda images: run(**{name: images})[output]


def load_savedmodel(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load a SavedModel."""
    import tensorflow as tf

    model = tf.saved_model.load(str(path))
    return lambda images: model.serve(tf.constant(images)).numpy()


def load_openvino(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Load a model for OpenVINO; without the hint it would compute in bfloat16 where the processor can."""
    import openvino

    model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: model(images)[0]
