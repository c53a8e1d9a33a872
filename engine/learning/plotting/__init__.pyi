from . import drawing as drawing
from . import image_grid as image_grid
from . import line_charts as line_charts
from . import panel as panel
from . import ticks as ticks
