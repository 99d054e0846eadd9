"""Series of a DICOMweb server as images: offered at the start, fetched when asked about."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import Any

import pydicom
import pytest
from dicom_files import image, stack, uid, write
from dicomweb_server import as_json
from lib.studies import patients
from lib.web import fetch, offer
from monailabel_double import HTTPException, install
from mrclass.dicom import scan
from mrclass.errors import SeriesError, UsageError

SOURCE = f"studies/{uid(3)}/series/{uid(4, 1)}"


class Client:
    """What dicomweb_client's client answers, from files."""

    base_url = "http://127.0.0.1:8042/dicom-web"

    def __init__(self, files: list[Path]) -> None:
        self.files = [pydicom.dcmread(file) for file in files]
        self.asked: list[tuple[str, str]] = []
        self.breaks = False
        self.lacks = 0  # instances that a reply is short of
        self.wait = Event()
        self.wait.set()

    def search_for_series(self, fields: list[str], get_remaining: bool) -> list[dict[str, Any]]:
        assert "PatientID" in fields and get_remaining
        names = ("PatientID", "Modality", "SeriesDescription", "StudyInstanceUID", "SeriesInstanceUID")
        firsts = {str(one.SeriesInstanceUID): one for one in self.files}.values()
        return [as_json({n: str(one[n].value) for n in names if n in one}, 4) for one in firsts]

    def retrieve_series(self, study: str, series: str) -> Any:
        self.asked.append((study, series))
        assert self.wait.wait(60)
        yield self.files[0]
        if self.breaks:
            raise ConnectionError("the line is dead")
        rest = [one for one in self.files[1:] if one.SeriesInstanceUID == series]
        yield from rest[self.lacks :]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    files = stack(tmp_path / "server" / "series", 4)
    ct = write(tmp_path / "server" / "ct.dcm", image(7, 1, Modality="CT"))
    return Client([*files, ct])


def test_each_mr_series_is_an_empty_image_until_it_is_asked_for(client: Client, tmp_path: Path) -> None:
    laid = offer(client, tmp_path / "images", tmp_path / "series.csv")
    assert [(one.image, one.reason) for one in laid] == [(uid(4, 1), ""), ("", "Modality CT: not MR")]
    assert [path.name for path in (tmp_path / "images").iterdir()] == [f"{uid(4, 1)}.series"]
    assert not any((tmp_path / "images" / f"{uid(4, 1)}.series").iterdir()) and client.asked == []
    assert offer(client, tmp_path / "images", tmp_path / "series.csv") == laid  # a later start


def test_its_patient_has_the_pseudonym_that_the_intake_gives(client: Client, tmp_path: Path) -> None:
    offer(client, tmp_path / "images", tmp_path / "series.csv")
    intake = scan([tmp_path / "server" / "series"])
    (series,) = intake.series
    intake.close()
    assert patients(tmp_path / "series.csv") == {uid(4, 1): series.patient_key}


def test_a_series_is_fetched_whole(client: Client, tmp_path: Path) -> None:
    offer(client, tmp_path / "images", tmp_path / "series.csv")
    folder = tmp_path / "images" / f"{uid(4, 1)}.series"
    fetch(client, SOURCE, folder, 4)
    assert client.asked == [(uid(3), uid(4, 1))]
    assert [path.name for path in sorted(folder.iterdir())] == [f"00000{n}.dcm" for n in range(4)]
    assert pydicom.dcmread(folder / "000000.dcm").SeriesInstanceUID == uid(4, 1)


def test_a_series_that_breaks_off_leaves_nothing(client: Client, tmp_path: Path) -> None:
    offer(client, tmp_path / "images", tmp_path / "series.csv")
    client.breaks = True
    folder = tmp_path / "images" / f"{uid(4, 1)}.series"
    with pytest.raises(SeriesError, match="does not give the series: the line is dead"):
        fetch(client, SOURCE, folder, 4)
    assert not any(folder.iterdir()) and not list(tmp_path.glob(".part-*"))


def test_a_reply_with_fewer_instances_than_the_server_listed_leaves_nothing(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    from lib.adapters import WebStore

    offer(client, tmp_path / "images", tmp_path / "series.csv")
    store = WebStore(client, tmp_path, images_dir="images", extensions=("*.series",))
    client.lacks = 1
    with pytest.raises(HTTPException, match="gives 3 instances of the series; wanted 4"):
        store.get_image_uri(uid(4, 1))
    assert not any((tmp_path / "images" / f"{uid(4, 1)}.series").iterdir())
    client.lacks = 0
    assert len(list(Path(store.get_image_uri(uid(4, 1))).iterdir())) == 4


def test_a_series_that_grew_since_the_start_is_fetched_whole(client: Client, tmp_path: Path) -> None:
    offer(client, tmp_path / "images", tmp_path / "series.csv")
    folder = tmp_path / "images" / f"{uid(4, 1)}.series"
    fetch(client, SOURCE, folder, 2)
    assert len(list(folder.iterdir())) == 4


def test_a_reply_without_an_instance_is_no_series(client: Client, tmp_path: Path) -> None:
    offer(client, tmp_path / "images", tmp_path / "series.csv")
    client.retrieve_series = lambda *_: []  # type: ignore[method-assign]
    with pytest.raises(SeriesError, match="gives 0 instances of the series; wanted 1"):
        fetch(client, SOURCE, tmp_path / "images" / f"{uid(4, 1)}.series", 0)


def test_two_who_ask_for_a_series_at_once_have_it_and_it_is_fetched_once(
    client: Client, tmp_path: Path
) -> None:
    offer(client, tmp_path / "images", tmp_path / "series.csv")
    folder = tmp_path / "images" / f"{uid(4, 1)}.series"
    client.wait.clear()
    with ThreadPoolExecutor(2) as threads:
        asking = [threads.submit(fetch, client, SOURCE, folder, 4) for _ in range(2)]
        wait(asking, timeout=0.5)  # time for the second to ask the server, which it should not
        client.wait.set()
    assert [one.result() for one in asking] == [None, None]
    assert len(client.asked) == 1 and len(list(folder.iterdir())) == 4


def test_an_address_that_is_no_dicomweb_server_is_refused_in_a_sentence(tmp_path: Path) -> None:
    class Nobody:
        base_url = "http://127.0.0.1:1"

        def search_for_series(self, **_: Any) -> Any:
            raise ConnectionError("refused")

    with pytest.raises(UsageError, match="http://127.0.0.1:1 does not list its series .*wanted a DICOMweb"):
        offer(Nobody(), tmp_path / "images", tmp_path / "series.csv")
