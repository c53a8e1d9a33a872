import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.library.methods import AnyMethod, Finetune, Probe

METHOD = TypeAdapter(AnyMethod)


def test_a_method_is_picked_by_its_kind():
    assert METHOD.validate_json('{"kind": "probe", "l2": 1}') == Probe(l2=1)
    found = METHOD.validate_json('{"kind": "finetune", "head": "zero", "replay": 0.1}')
    assert isinstance(found, Finetune)
    with pytest.raises(ValidationError, match="probe"):
        METHOD.validate_json('{"kind": "magic"}')
    with pytest.raises(ValidationError):
        METHOD.validate_json('{"kind": "probe", "l2": "none"}')


def test_methods_and_stages_are_known_without_torch_or_numpy():
    code = (
        "import sys, importlib, pkgutil, engine.library.stages, engine.library.methods\n"
        "for item in pkgutil.iter_modules(engine.library.stages.__path__):\n"
        "    module = importlib.import_module(f'engine.library.stages.{item.name}')\n"
        "    found = getattr(module, item.name)\n"
        "    found.params.model_json_schema(), found.inputs, found.outputs, found.summary\n"
        "assert not {'torch', 'numpy', 'scipy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
