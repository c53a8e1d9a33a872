"""Meta-learning algorithms: values in YAML that are also the code. One file each."""

from typing import Annotated

from pydantic import AfterValidator, Field

from engine.library.algorithms.algorithm import Algorithm as Algorithm
from engine.library.algorithms.closed_form import Newton, Protonet, Ridge
from engine.library.algorithms.maml import Anil, Joint, Maml
from engine.library.algorithms.reptile import Reptile


def _as_maml(value: Algorithm) -> Algorithm:
    """ANIL as what it is, so that both ways of saying it have one key."""
    return value.maml() if isinstance(value, Anil) else value


AnyAlgorithm = Annotated[
    Annotated[
        Maml | Anil | Reptile | Ridge | Newton | Protonet | Joint, Field(discriminator="kind")
    ],
    AfterValidator(_as_maml),
]
