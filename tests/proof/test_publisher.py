"""What every publisher must do, and what the folder of files does besides."""

import os
from pathlib import Path

import pytest

from app.proof import publisher as room
from app.proof.publisher import AlreadyPublished, FilePublisher, Publisher
from tests.proof.publishing import MemoryPublisher

ORIGIN = "test.example/log/1"


@pytest.fixture(params=["files", "memory"])
def publisher(request: pytest.FixtureRequest, tmp_path: Path) -> Publisher:
    return FilePublisher(tmp_path) if request.param == "files" else MemoryPublisher()


def test_what_is_published_can_be_read_as_it_was(publisher: Publisher) -> None:
    assert (publisher.newest(ORIGIN), list(publisher.sizes(ORIGIN))) == (None, [])
    notes = {9: "nine —\n", 10: "ten\n", 70_000: "more\n", 2**40: "many\n"}
    for size in (10, 2**40, 9, 70_000):
        publisher.publish(ORIGIN, size, notes[size])
    assert list(publisher.sizes(ORIGIN)) == [9, 10, 70_000, 2**40]
    assert publisher.newest(ORIGIN) == 2**40
    assert {size: publisher.read(ORIGIN, size) for size in notes} == notes


def test_logs_are_apart(publisher: Publisher) -> None:
    publisher.publish(ORIGIN, 1, "one\n")
    publisher.publish("test.example/log/2", 2, "two\n")
    assert publisher.sizes(ORIGIN) == [1]
    assert publisher.newest("test.example/log/2") == 2
    assert publisher.newest("test.example/log") is None


def test_publishing_again_changes_nothing(publisher: Publisher) -> None:
    publisher.publish(ORIGIN, 1, "one\n")
    publisher.publish(ORIGIN, 1, "one\n")
    with pytest.raises(AlreadyPublished):
        publisher.publish(ORIGIN, 1, "another\n")
    assert publisher.read(ORIGIN, 1) == "one\n"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("step", ["fsync", "link"])
def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    publisher = FilePublisher(tmp_path)

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="no space"):
            publisher.publish(ORIGIN, 1, "one\n")
    assert files(tmp_path) == []
    assert publisher.newest(ORIGIN) is None
    publisher.publish(ORIGIN, 1, "one\n")
    assert files(tmp_path) == ["00000000000000000001.checkpoint"]


def test_what_a_dead_process_left_is_no_checkpoint(tmp_path: Path) -> None:
    publisher = FilePublisher(tmp_path)
    publisher.publish(ORIGIN, 1, "one\n")
    [path] = tmp_path.rglob("*.checkpoint")
    (path.parent / f".{path.name}.0123abcd").write_text("hal")
    (path.parents[1] / "notes").mkdir()
    assert publisher.sizes(ORIGIN) == [1]


def test_file_and_folders_are_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    sync = room._sync

    def noted(folder: Path) -> None:
        synced.append(folder)
        sync(folder)

    monkeypatch.setattr(room, "_sync", noted)
    FilePublisher(tmp_path / "new").publish("log", 1, "one\n")
    shard = tmp_path / "new" / "log" / f"{0:015}"
    assert synced == [tmp_path, tmp_path / "new", tmp_path / "new" / "log", shard]


def test_no_origin_leads_out_of_the_folder(tmp_path: Path) -> None:
    FilePublisher(tmp_path / "in").publish("../../out", 1, "one\n")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
