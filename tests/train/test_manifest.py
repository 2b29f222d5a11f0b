import json

import pytest

from ostinato.train.manifest import FORMAT, Manifest

OLD = {"seed": 3, "level": {"training": "native", "evaluation": "aten"}, "data": {"sha256": "0"}}


def test_what_is_written_is_read():
    data = {"given": {"files": ["a"], "text": "b"}, "sha256": "0", "validation_sha256": "1"}
    data["skipped"] = {"rows": 1, "first": ["line 3: no label"]}
    written = Manifest(level=OLD["level"], data=data, device="cuda:0", files={"a.json": "2"})
    assert written.format == FORMAT
    assert Manifest.of_json(written.to_json().decode()) == written
    assert json.loads(written.to_json())["data"] == data


def test_one_from_before_there_were_formats_is_upgraded():
    old = Manifest.of_json(json.dumps(OLD))
    assert (old.format, old.is_old, old.seed, old.device) == (0, True, 3, "")
    assert old.level == OLD["level"]
    assert Manifest.of_json(json.dumps({"data": {"sha256": "0"}})).level["training"] == ""


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"data": {}}, r"^data\.sha256: Field required"),
        ({"data": {"sha256": 5}}, r"^data\.sha256: Input should be a valid string"),
        ({"data": {"sha256": "0", "extra_sha256": 5}}, "^data: extra_sha256 is not a SHA-256"),
        ({"data": {"sha256": "0", "skipped": {"rows": 1}}}, r"^data\.skipped\.first: Field requ"),
        ({"level": {"training": "aten"}}, r"^level\.evaluation: Field required"),
        ({"versions": {"torch": 2}}, r"^versions\.torch: Input should be a valid string"),
        ({"threads": 0}, "^threads: Input should be greater than or equal to 1"),
        *[
            ({"data": {"sha256": "0", "given": given}}, r"^data\.given.*: Input should be")
            for given in (5, ["a"], {"files": 3}, {"files": ["a"], "format": {"a": 1}})
        ],
    ],
)
def test_what_fits_no_schema_is_refused_with_its_place(wrong, says):
    with pytest.raises(ValueError, match=says):
        Manifest.of_json(json.dumps(OLD | wrong))


def test_one_of_a_version_to_come_is_refused():
    coming = Manifest(level=OLD["level"], data=OLD["data"]).model_copy(update={"format": 2})
    with pytest.raises(ValueError, match="its format is 2, but this version supports 1"):
        Manifest.of_json(coming.to_json().decode())
