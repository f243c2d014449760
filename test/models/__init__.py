"""Small networks of the families people compile, built with onnx.helper alone and seeded: same bytes every time.

`FAMILIES` maps a name to a builder; every builder takes its free sizes (`batch`, `seq`, …) as an integer
for a static dimension or a string for a symbolic one.
"""

from test.models.convnets import inception, mobilenet, resnet, yolo
from test.models.recurrent import gru, lstm
from test.models.transformers import encoder, gpt_decode, llama

FAMILIES = {
    "resnet": resnet,
    "mobilenet": mobilenet,
    "inception": inception,
    "yolo": yolo,
    "encoder": encoder,
    "gpt_decode": gpt_decode,
    "llama": llama,
    "lstm": lstm,
    "gru": gru,
}

__all__ = ["FAMILIES", *(builder.__name__ for builder in FAMILIES.values())]
