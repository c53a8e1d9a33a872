"""Adaptation methods: values in YAML that are also the code. One file each."""

from typing import Annotated

from pydantic import Field

from engine.library.methods.finetune import Finetune
from engine.library.methods.linear_probe import Probe
from engine.library.methods.lora import Lora
from engine.library.methods.nearest_prototype import Prototype

AnyMethod = Annotated[Probe | Finetune, Field(discriminator="kind")]
AnyFewShot = Annotated[Probe | Finetune | Lora | Prototype, Field(discriminator="kind")]
