"""The network as ONNX, with its preprocessing inside, checked against PyTorch on real images.

Input ``images``: uint8 (n, size, size, channels), as image decoders return them. Outputs
``probabilities`` and ``scores`` (logits): float32 (n, classes).
"""

from __future__ import annotations

import importlib.util
import json
import warnings
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from study.bundle.bundle import OnnxCheck, Preprocessing
from study.bundle.classifier import Classifier, preprocess
from study.common.errors import EvaluationError

if TYPE_CHECKING:  # an optional extra
    import onnx

OPSET = 18
"""Read by ONNX Runtime since 1.14 (2023)."""

TOLERANCE = 1e-4
"""Of probabilities. Rounding gives 1e-7 to 1e-6, a wrong layer far more."""

_NEEDED = ("onnx", "onnxscript", "onnxruntime")


class OnnxModel(NamedTuple):
    """The content of ``model.onnx``, and how it compares with PyTorch."""

    content: bytes
    check: OnnxCheck


class _WithPreprocessing(nn.Module):
    """From the pixels as decoded to probabilities and scores."""

    def __init__(self, network: nn.Module, recorded: Preprocessing) -> None:
        super().__init__()
        self.network = network
        self.recorded = recorded

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities and scores, (n, classes), of uint8 (n, size, size, channels)."""
        scores = self.network(preprocess(images.permute(0, 3, 1, 2), self.recorded))
        return scores.softmax(dim=1), scores


def onnx_available() -> bool:
    """Return whether the packages that write and check ONNX are installed."""
    return not _missing()


def _missing() -> list[str]:
    return [name for name in _NEEDED if importlib.util.find_spec(name) is None]


def onnx_model(classifier: Classifier, images: Tensor) -> OnnxModel:
    """Return the network as ONNX.

    Args:
        images: Real images for the comparison with PyTorch, uint8 (n, channels, size, size).
    """
    if missing := _missing():
        raise EvaluationError(
            f"ONNX needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            'installed; pip install "study-nas[export]", or export with --no-onnx'
        )
    content = _content(classifier)
    return OnnxModel(content=content, check=_check(classifier, content, images))


def _content(classifier: Classifier) -> bytes:
    module = _WithPreprocessing(classifier.network, classifier.bundle.preprocessing).eval()
    image = classifier.image
    example = torch.zeros(2, image.size, image.size, image.channels, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the exporter
        program = torch.onnx.export(
            module,
            (example,),
            input_names=["images"],
            output_names=["probabilities", "scores"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _describe(model, classifier)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _describe(model: onnx.ModelProto, classifier: Classifier) -> None:
    """Describe the model in its metadata, and remove the exporter's file names of this machine."""
    graph = model.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("metadata_props")
    model.doc_string = (
        "images: uint8 (n, size, size, channels), as image decoders return them; the "
        "preprocessing is inside. probabilities, scores: float32 (n, classes). "
        "Not for clinical use."
    )
    described = {
        "candidate_id": classifier.bundle.candidate_id,
        "class_names": json.dumps(classifier.class_names, ensure_ascii=False),
        "data": classifier.bundle.data.name,
    }
    del model.metadata_props[:]
    for key, value in described.items():
        model.metadata_props.add(key=key, value=value)


def _check(classifier: Classifier, content: bytes, images: Tensor) -> OnnxCheck:
    import onnxruntime  # an optional extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    by_pixel = images.permute(0, 2, 3, 1).contiguous().numpy()
    found = torch.from_numpy(session.run(["probabilities"], {"images": by_pixel})[0])
    wanted = classifier.probabilities(images)
    difference = float((found - wanted).abs().max())
    if not difference <= TOLERANCE:
        raise EvaluationError(
            f"ONNX and PyTorch differ by {difference:.2g} in a probability on {len(images):,} "
            f"images, {TOLERANCE:g} is allowed; export with --no-onnx and report this"
        )
    return OnnxCheck(
        images=len(images),
        largest_difference=difference,
        same_class=int((found.argmax(dim=1) == wanted.argmax(dim=1)).sum()),
        runtime=onnxruntime.__version__,
    )
