"""Artifacts for stage files that were written when these lay here.

They are in `engine.library.artifacts` now.
"""

from engine.library.artifacts.dataset import Dataset, Part
from engine.library.artifacts.gallery import Gallery, Picture
from engine.library.artifacts.generator import Generator
from engine.library.artifacts.judge import Judge
from engine.library.artifacts.learner import Learner
from engine.library.artifacts.model import Head, Model
from engine.library.artifacts.samples import Samples
from engine.library.artifacts.table import Contrast, Interval, Row, Table
from engine.library.artifacts.tasks import TaskFamily
from engine.stage_api.scores import Choice, Scores, Units

__all__ = [
    "Choice",
    "Contrast",
    "Dataset",
    "Gallery",
    "Generator",
    "Head",
    "Interval",
    "Judge",
    "Learner",
    "Model",
    "Part",
    "Picture",
    "Row",
    "Samples",
    "Scores",
    "Table",
    "TaskFamily",
    "Units",
]
