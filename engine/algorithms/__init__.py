"""Meta-learning algorithms: values in YAML that are also the code. One file each."""

from typing import Annotated

from pydantic import AfterValidator, Field

from engine.algorithms.base import Algorithm as Algorithm
from engine.algorithms.closed import Newton, Protonet, Ridge
from engine.algorithms.maml import Anil, Joint, Maml
from engine.algorithms.reptile import Reptile


def _as_maml(value: Algorithm) -> Algorithm:
    """ANIL as what it is, so that both ways of saying it have one key."""
    return value.maml() if isinstance(value, Anil) else value


AnyAlgorithm = Annotated[
    Annotated[
        Maml | Anil | Reptile | Ridge | Newton | Protonet | Joint, Field(discriminator="kind")
    ],
    AfterValidator(_as_maml),
]
