from . import classifiers as classifiers
from . import corrupted_images as corrupted_images
from . import fidelity as fidelity
from . import image_statistics as image_statistics
