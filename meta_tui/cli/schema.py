"""`meta schema`: the JSON Schema of pipeline files, for editors."""

import json

from engine.catalogue import Catalogue
from meta_tui.cli import options
from meta_tui.cli.output import say
from pipelines import jsonschema


def schema(files: options.Stages = None) -> None:
    say(json.dumps(jsonschema.schema(Catalogue(files or ())), indent=2, ensure_ascii=False))
