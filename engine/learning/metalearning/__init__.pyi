from . import algorithms as algorithms
from . import inner as inner
from . import loop as loop
from . import nets as nets
from . import reference as reference
from . import tasks as tasks
