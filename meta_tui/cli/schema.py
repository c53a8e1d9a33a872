"""`meta schema`: the JSON Schema of pipeline files, for editors."""

from engine.stage_api.catalogue import Catalogue
from meta_tui.cli import options
from meta_tui.cli.output import say_json
from pipelines.schema import jsonschema


def schema(files: options.Stages = None) -> None:
    say_json(jsonschema.schema(Catalogue(files or ())), indent=2)
