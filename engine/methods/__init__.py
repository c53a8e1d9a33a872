"""Adaptation methods: values in YAML that are also the code. One file each."""

from typing import Annotated

from pydantic import Field

from engine.methods.finetune import Finetune
from engine.methods.lora import Lora
from engine.methods.probe import Probe
from engine.methods.prototype import Prototype

AnyMethod = Annotated[Probe | Finetune, Field(discriminator="kind")]
AnyFewShot = Annotated[Probe | Finetune | Lora | Prototype, Field(discriminator="kind")]
