from . import maml as maml
