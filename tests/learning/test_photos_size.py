"""The file of an image is looked at before it is read."""

from pathlib import Path

import pytest

from engine.learning.data import image_folder_pixels


def test_a_file_of_gigabytes_is_no_image(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        with (tmp_path / name / "a.png").open("wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
            file.truncate(image_folder_pixels.FILE_BYTES + 1)
    with pytest.raises(
        image_folder_pixels.UnreadableError, match="an image has at most 268,435,456"
    ):
        image_folder_pixels.listing(tmp_path, "0" * 64)
