from . import batches as batches
from . import episodes as episodes
from . import factory as factory
from . import streams as streams
from . import tables as tables
