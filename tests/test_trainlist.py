"""`mrclass datalist`: what is left out, split and refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import pytest
from boxes import Make, eight, maker, volume
from mrclass import datalist, trainlist
from mrclass.errors import UsageError


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return maker(tmp_path)


def placed(listed: trainlist.Listed, key: str = "patient") -> dict[str, set[str]]:
    return {name: {getattr(v, key) for v in some} for name, some in listed.sections.items()}


# ---- looking


def test_the_size_of_what_is_seen_is_counted_in_pixels_of_two_millimetres(make: Make) -> None:
    assert trainlist.look(make("a.nii.gz", 200, rows=30, columns=12))[1] in [(30, 12), (12, 30)]


def test_a_volume_a_few_pixels_high_is_left_out_with_its_size(make: Make) -> None:
    small = volume(make("small.nii.gz", 200, rows=8), "other", "tiny")
    listed = trainlist.make([*eight(make), small])
    (left,) = listed.left
    assert left.image == str(small.image)
    assert left.reason.startswith("too small to judge:")
    assert "wanted 20" in left.reason


def test_small_volumes_stay_where_none_is_too_small(make: Make) -> None:
    small = volume(make("small.nii.gz", 200, rows=8), "other", "tiny")
    assert trainlist.make([*eight(make), small], smallest=0).left == []


def test_a_file_that_is_no_image_is_left_out_and_ends_nothing(make: Make, tmp_path: Path) -> None:
    (tmp_path / "broken.nii.gz").write_bytes(b"no image")
    listed = trainlist.make([*eight(make), volume(tmp_path / "broken.nii.gz", "t1w", "b")])
    assert [one.reason.partition(":")[0] for one in listed.left] == ["cannot be looked at"]


def test_a_header_that_claims_more_voxels_than_fit_is_left_out_unread(make: Make, tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_shape((2000, 2000, 2000))
    header["magic"], header["vox_offset"] = b"n+1", 352
    path = tmp_path / "swollen.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4)))
    listed = trainlist.make([*eight(make), volume(path, "t1w", "b")])
    assert [one.reason for one in listed.left] == [
        "cannot be looked at: swollen.nii.gz claims 2000 x 2000 x 2000 voxels, more than is looked at."
    ]


def test_a_volume_that_does_not_fit_into_memory_is_left_out(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    volumes = eight(make)
    look = trainlist.look

    def tight(image: Path) -> tuple[str, tuple[int, int]]:
        if image == volumes[0].image:
            raise MemoryError
        return look(image)

    monkeypatch.setattr(trainlist, "look", tight)
    assert [one.reason for one in trainlist.make(volumes).left] == [
        "cannot be looked at: it does not fit into memory"
    ]


# ---- copies


def test_content_is_the_voxels_whatever_the_header_says(make: Make, tmp_path: Path) -> None:
    path = make("a.nii.gz", 7)
    image = nibabel.load(path)
    image.header["descrip"] = b"another day"
    nibabel.save(image, tmp_path / "b.nii")
    assert trainlist.look(path)[0] == trainlist.look(tmp_path / "b.nii")[0]


def test_the_same_image_again_is_left_out_and_names_the_first(make: Make) -> None:
    volumes = eight(make)
    again = volume(make("again.nii.gz", 3), "t1w", "another name")
    (left,) = trainlist.make([*volumes, again]).left
    assert left.image == str(again.image)
    assert left.reason == f"the same image again: {volumes[3].image}"


def test_an_image_under_two_labels_is_left_out_both_times(make: Make) -> None:
    again = volume(make("again.nii.gz", 3), "flair", "q")
    listed = trainlist.make([*eight(make), again])
    assert [one.reason for one in listed.left] == ["the same image is labelled T1w and FLAIR"] * 2


def test_two_names_that_share_an_image_are_one_patient(make: Make) -> None:
    # p3 and "another name" share one image: the other images of both must stay on one side, for any seed
    shared = volume(make("again.nii.gz", 3), "t1w", "another name")
    more = volume(make("more.nii.gz", 99), "t1w", "another name")
    for seed in range(6):
        parts = placed(trainlist.make([*eight(make), shared, more], fraction=0.5, seed=seed))
        assert ("t1w-p3" in parts["training"]) == ("another name" in parts["training"])


def test_an_unsplit_list_gives_two_names_that_share_an_image_one_patient(make: Make) -> None:
    # each training splits the list by its patients: all it can see of who is who
    shared = volume(make("again.nii.gz", 3), "t1w", "another name")
    more = volume(make("more.nii.gz", 99), "t1w", "another name")
    listed = trainlist.make([*eight(make), shared, more], split=False)
    items = [{"truth": v.label, "patient": v.patient, "image": v.image} for v in listed.sections["training"]]
    assert {item["patient"] for item in items} == {f"t1w-p{n}" for n in range(8)}
    for seed in range(6):
        for some in datalist.split_by_patient(items, 0.4, seed).values():
            images = {item["image"].name for item in some}
            assert ("t1w3.nii.gz" in images) == ("more.nii.gz" in images)


# ---- split and leaks


def test_a_fifth_of_each_labels_patients_goes_to_validation(make: Make) -> None:
    listed = trainlist.make([*eight(make), *eight(make, "flair", 100)], fraction=0.25)
    validation = listed.sections["validation"]
    assert sorted(v.label for v in validation) == ["flair"] * 2 + ["t1w"] * 2


def test_the_same_seed_gives_the_same_split_and_another_another(make: Make) -> None:
    volumes = eight(make)
    first, second, third = (placed(trainlist.make(volumes, seed=seed, fraction=0.5)) for seed in (1, 1, 2))
    assert first == second
    assert first != third


def test_by_source_no_source_and_no_patient_is_in_both_sections(make: Make) -> None:
    volumes = eight(make)
    # one patient was seen in s0 and in s1: the two sources cannot be told apart
    volumes.append(volume(make("moved.nii.gz", 50), "t1w", "t1w-p0", "s1"))
    listed = trainlist.make(volumes, by="source", fraction=0.5)
    for key in ("source", "patient"):
        parts = placed(listed, key)
        assert not parts["training"] & parts["validation"]
    sources = placed(listed, "source")
    assert any({"s0", "s1"} <= some for some in sources.values())


@pytest.mark.parametrize("seed", range(6))
def test_by_source_the_share_is_one_of_volumes(make: Make, seed: int) -> None:
    # a fifth of 10 is 2: the middle source holds them; the small one is as near as both together
    sizes = {"large": 7, "middle": 2, "small": 1}
    volumes = [
        volume(make(f"{name}{n}.nii.gz", 10 * i + n), "flair", f"{name}{n}", name)
        for i, (name, size) in enumerate(sizes.items())
        for n in range(size)
    ]
    parts = trainlist.make(volumes, by="source", fraction=0.2, seed=seed).sections
    assert {v.source for v in parts["validation"]} in [{"middle"}, {"small"}]
    assert {v.source for v in parts["training"]} >= {"large"}


@pytest.mark.parametrize("seed", range(6))
def test_by_source_a_label_of_two_sources_stands_in_both_sections(make: Make, seed: int) -> None:
    # half of FLAIR is far from a fifth, and still one of its two sources goes
    volumes = [volume(make(f"{n}.nii.gz", n), "flair", f"p{n}", f"s{n % 2}") for n in range(4)]
    parts = placed(trainlist.make(volumes, by="source", fraction=0.2, seed=seed), "source")
    assert len(parts["training"]) == len(parts["validation"]) == 1


@pytest.mark.parametrize("seed", range(6))
def test_by_source_the_only_source_of_a_label_stays_in_training(make: Make, seed: int) -> None:
    volumes = [*eight(make), volume(make("adc.nii.gz", 60), "adc", "q", "s1")]
    validation = trainlist.make(volumes, by="source", fraction=0.25, seed=seed).sections["validation"]
    assert {(v.label, v.source) for v in validation} < {("t1w", "s0"), ("t1w", "s2"), ("t1w", "s3")}


def test_one_source_cannot_be_split_by_source(make: Make) -> None:
    volumes = [volume(make(f"{n}.nii.gz", n), "t1w", f"p{n}") for n in range(4)]
    with pytest.raises(UsageError, match="belong to one source.*--by patient"):
        trainlist.make(volumes, by="source")


@pytest.mark.parametrize(
    ("second", "by", "words"),
    [
        ({"patient": "p0"}, "patient", "1 patient in both training and validation .p0."),
        ({"source": "s0"}, "source", "1 source in both training and validation .s0."),
        ({"grey": 0}, "patient", "1 image content in both training and validation"),
    ],
)
def test_given_sections_that_leak_are_refused(
    make: Make, second: dict[str, object], by: str, words: str
) -> None:
    told = {"patient": "p1", "source": "s1", "grey": 1, **second}
    first = volume(make("a.nii.gz", 0), "t1w", "p0", "s0", "training")
    other = volume(
        make("b.nii.gz", int(str(told["grey"]))),
        "t1w",
        str(told["patient"]),
        str(told["source"]),
        "validation",
    )
    with pytest.raises(UsageError, match=words):
        trainlist.make([first, other], by=by)


def test_what_has_no_section_follows_its_patient(make: Make) -> None:
    given = [volume(make(f"{n}.nii.gz", n), "t1w", f"p{n}", section=name)
             for n, name in enumerate(datalist.SECTIONS)]  # fmt: skip
    more = [volume(make(f"more{n}.nii.gz", 50 + n), "flair", f"p{n}") for n in (0, 1)]
    parts = placed(trainlist.make([*given, *more]), "image")
    assert more[0].image in parts["training"]
    assert more[1].image in parts["validation"]
