"""Adaptation methods: values in YAML that are also the code. One file each."""

from typing import Annotated

from pydantic import Field

from engine.methods.finetune import Finetune
from engine.methods.probe import Probe

AnyMethod = Annotated[Probe | Finetune, Field(discriminator="kind")]
