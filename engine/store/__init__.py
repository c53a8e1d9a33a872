"""The store: files only, published atomically, verified when read."""

from engine.store.leases import Lease
from engine.store.objects import Changed, Damaged, FileRef
from engine.store.results import Miss, Output, Result
from engine.store.store import Store

__all__ = ["Changed", "Damaged", "FileRef", "Lease", "Miss", "Output", "Result", "Store"]
