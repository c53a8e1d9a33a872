"""Artifacts: what flows along the edges of a pipeline. Typed files, no torch at import."""

from engine.artifacts.dataset import Dataset, Part
from engine.artifacts.gallery import Gallery, Picture
from engine.artifacts.generator import Generator
from engine.artifacts.judge import Judge
from engine.artifacts.learner import Learner
from engine.artifacts.model import Head, Model
from engine.artifacts.samples import Samples
from engine.artifacts.scores import Choice, Scores, Units
from engine.artifacts.table import Contrast, Interval, Row, Table
from engine.artifacts.tasks import TaskFamily

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
