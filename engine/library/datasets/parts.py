"""Checks of a dataset's parts (train, val, test) and their sizes before anything runs."""

from pipelines.core.facts import Facts, Look

OFTEN = 4
"""Repetitions of each example in a batch from which there is a warning."""
NAMES = {"train": "training", "val": "validation", "test": "test"}
ONE_PART = (
    "a dataset that is divided by classes has one part, for `tasks`; for training with labels take "
    "one whose examples are divided"
)


def there(data: Facts, part: str) -> bool | None:
    """Return whether a dataset has examples of a part; None if unknown."""
    counts = data.sizes or data.examples
    return counts.get(part, 0) > 0 if counts else None


def need(look: Look, port: str, data: Facts, part: str, why: str) -> None:
    """Report a dataset without examples of a part that the stage needs."""
    if there(data, part) is False:
        has = [NAMES[name] for name in NAMES if there(data, name)]
        only = f", only {has[0]} ones" if len(has) == 1 else ""
        message = f"{data.task} has no {NAMES[part]} images {why}{only}"
        look.error(
            f"from.{port}", message, ONE_PART if only else f"give it some {NAMES[part]} images"
        )


def enough(look: Look, place: str, wanted: int | None, data: Facts, part: str) -> None:
    """Report a number of examples that is larger than the part."""
    if not wanted or there(data, part) is None:
        return
    if not there(data, part):
        need(look, "data", data, part, f"for `{place}: {wanted}`")
    elif part in data.sizes and wanted > data.sizes[part]:
        count = data.sizes[part]
        message = (
            f"`{place}: {wanted}` is more than the {count} {NAMES[part]} images of {data.task}"
        )
        look.error(place, message, f"take {count} or fewer, or leave it out to keep all")


def one_each(look: Look, place: str, wanted: int | None, data: Facts, part: str) -> None:
    """Warn if fewer examples are kept than there are classes."""
    if wanted and part == "train" and wanted < len(data.classes):
        message = f"{wanted} training images of {len(data.classes)} classes: some classes have none"
        hint = f"keep {len(data.classes)} or more, or fewer `classes`"
        look.advise("classes-without-examples", place, message, hint)


def batch(look: Look, size: int, data: Facts) -> None:
    """Warn if a batch is much larger than the training part."""
    count = data.sizes.get("train", 0)
    if 0 < OFTEN * count <= size:
        message = f"a batch of {size} of {count} training images has each {size / count:.2g} times"
        look.advise("batch-larger-than-data", "batch", message, f"`batch: {count}` or fewer")


def measured(look: Look, port: str, old: Facts, why: str) -> bool:
    """Return whether a dataset may have test examples; warn if it has none."""
    if there(old, "test") is not False:
        return True
    message = f"{old.task} has no test images, so {why}"
    look.advise("nothing-measured", f"from.{port}", message, "take one that has, or leave it out")
    return False
