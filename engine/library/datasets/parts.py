"""What is known of a dataset's parts before anything runs: which there are, and how large."""

from pipelines.core.facts import Facts, Look

OFTEN = 4
"""Times that a batch may hold each example before it is told."""
NAMES = {"train": "training", "val": "validation", "test": "test"}
ONE_PART = (
    "a dataset that is divided by classes has one part, for `tasks`; for training with labels take "
    "one whose examples are divided"
)


def there(data: Facts, part: str) -> bool | None:
    """Whether a dataset has examples of a part; None where nobody knows."""
    counts = data.sizes or data.examples
    return counts.get(part, 0) > 0 if counts else None


def need(look: Look, port: str, data: Facts, part: str, why: str) -> None:
    """Report a dataset on a port that has no examples of a part which the stage needs."""
    if there(data, part) is False:
        has = [NAMES[name] for name in NAMES if there(data, name)]
        only = f", only {has[0]} ones" if len(has) == 1 else ""
        told = f"{data.task} has no {NAMES[part]} images {why}{only}"
        look.error(f"from.{port}", told, ONE_PART if only else f"give it some {NAMES[part]} images")


def enough(look: Look, place: str, wanted: int | None, data: Facts, part: str) -> None:
    """Report a number of examples that is asked for and not there."""
    if not wanted or there(data, part) is None:
        return
    if not there(data, part):
        need(look, "data", data, part, f"for `{place}: {wanted}`")
    elif part in data.sizes and wanted > data.sizes[part]:
        count = data.sizes[part]
        told = f"`{place}: {wanted}` is more than the {count} {NAMES[part]} images of {data.task}"
        look.error(place, told, f"take {count} or fewer, or leave it out to keep all")


def one_each(look: Look, place: str, wanted: int | None, data: Facts, part: str) -> None:
    """Advise where fewer examples are kept than there are classes."""
    if wanted and part == "train" and wanted < len(data.classes):
        told = f"{wanted} training images of {len(data.classes)} classes: some classes have none"
        hint = f"keep {len(data.classes)} or more, or fewer `classes`"
        look.advise("classes-without-examples", place, told, hint)


def batch(look: Look, size: int, data: Facts) -> None:
    """Advise where a step takes more examples than there are."""
    count = data.sizes.get("train", 0)
    if 0 < OFTEN * count <= size:
        told = f"a batch of {size} of {count} training images has each {size / count:.2g} times"
        look.advise("batch-larger-than-data", "batch", told, f"`batch: {count}` or fewer")


def measured(look: Look, port: str, old: Facts, why: str) -> bool:
    """Whether a dataset has test examples, as far as is known; advises where it has none."""
    if there(old, "test") is not False:
        return True
    told = f"{old.task} has no test images, so {why}"
    look.advise("nothing-measured", f"from.{port}", told, "take one that has, or leave it out")
    return False
