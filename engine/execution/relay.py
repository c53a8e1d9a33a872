"""What a running cell says on its way, written into the run's journal."""

import time

from engine.rundir import events
from engine.rundir.events import MetricBatch
from engine.rundir.journal import Journal
from engine.workers import Message


def relay(message: Message, journal: Journal) -> None:
    """Write a message that is not a cell's last: points of curves, a note, a checkpoint."""
    body, now = message.body, time.time()
    match message.kind:
        case "metrics":
            values = {name: tuple(column) for name, column in body["values"].items()}
            batch = MetricBatch(**{**body, "steps": tuple(body["steps"]), "values": values})
            journal.batch(message.cell, batch)
        case "note":
            journal.event(events.Note(time=now, text=body["text"], cell=message.cell))
        case "checkpointed":
            event = events.CellCheckpointed(time=now, cell=message.cell, step=body["step"])
            journal.event(event)
