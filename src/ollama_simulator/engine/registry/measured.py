"""The model that the numbers of a hardware profile are for, as an installed one.

Rules of this file:

1. Size, lengths and names are the profile's. What the model can do is what the built-in library
   says of it, or what most models can.

It must not import anything but layer 0 and its own package.
"""

from msgspec.structs import replace

from ollama_simulator import names
from ollama_simulator.engine.registry import library
from ollama_simulator.engine.registry.blobs import sha256
from ollama_simulator.hardware import Weights
from ollama_simulator.model import Model


def measured(weights: Weights) -> tuple[Model, ...]:
    """The model of a profile; none if its numbers are for no model in particular."""
    if not weights.name:
        return ()
    digest = sha256(f"measured {weights.name}")
    model = Model(
        name=weights.name,
        size=weights.size,
        digest=digest,
        family=weights.family,
        parameter_size=weights.parameter_size,
        quantization_level=weights.quantization_level,
        capabilities=("completion", "tools"),
        embeds=False,
        context_length=weights.context_length,
        kv_bytes_per_token=weights.kv_bytes_per_token,
    )
    known = library.find(names.parse(weights.name))
    if known is not None:
        model = replace(
            model,
            capabilities=known.capabilities,
            embeds=known.embeds,
            path=known.path,
            template=known.template,
            embedding_length=known.embedding_length,
            parameters=known.parameters,
        )
    return (model,)
