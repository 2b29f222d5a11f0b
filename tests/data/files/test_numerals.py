"""Numbers of files are decimal numbers in ASCII digits, though Python reads more."""

import pytest

from ostinato.data import Columns, read_labelled, read_series, read_tagged
from ostinato.data.files.numerals import number
from ostinato.data.series.times import TimeFault, moment
from ostinato.data.tables.labels import label_text, refuse_measurements
from ostinato.errors import ConfigError, DataError

STRANGE = ["1_0", "１２", "٣", "0x10", "1e", "--1", "1 0", "", "one", "1,5", "1L"]
LONG = "9" * 5000


@pytest.mark.parametrize("text", STRANGE)
def test_what_is_no_decimal_number_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match="could not convert"):
        number(text)
    file = tmp_path / "a.ts"
    if "," not in text:
        file.write_text(f"1,2:a\n3,{text}:b\n")
        with pytest.raises(DataError, match=r"a\.ts, line 2: channel 1: could not convert"):
            read_labelled(str(file))
    if text and "," not in text:
        (tmp_path / "a.csv").write_text(f"time,y\n1,1\n2,{text}\n")
        with pytest.raises(DataError, match=r"a\.csv, line 3: the y is not a number"):
            read_series(str(tmp_path / "a.csv"), Columns())


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999", LONG])
def test_what_is_not_finite_is_refused(tmp_path, text):
    (tmp_path / "a.ts").write_text(f"1,2:a\n3,{text}:b\n")
    with pytest.raises(DataError, match=r"a\.ts, line 2: number 1 of step 2 is .* not finite"):
        read_labelled(str(tmp_path / "a.ts"))


@pytest.mark.parametrize("text", ["1", " 1", "+1", "-.5", "1.", "1e5", "1E-5"])
def test_decimal_numbers_are_what_python_reads(text):
    assert number(text) == float(text)


@pytest.mark.parametrize("text", ["１２", "1_0", LONG, "٢٠٢٤"])
def test_times_are_in_ascii_digits(text):
    with pytest.raises(TimeFault, match="is not a time") as fault:
        moment(text)
    assert len(str(fault.value)) < 120


def test_labels_in_other_digits_stay_as_they_are():
    assert label_text("１.0") == "１.0"
    assert label_text("1.0") == "1"
    refuse_measurements([LONG, "1"], "a")  # whole, however many digits


@pytest.mark.parametrize("name", [LONG, "１", "1_0", "01"])
def test_ids_of_conllu(tmp_path, name):
    fields = "\t".join([name, "a", *"________"])
    (tmp_path / "a.conllu").write_text(f"{fields}\n\n")
    with pytest.raises(DataError, match=r"a\.conllu, line 1: the ID") as error:
        read_tagged(str(tmp_path / "a.conllu"))
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("column", ["1_0", "１", LONG, "0", "x", "+1"])
def test_columns_of_conll(tmp_path, column):
    (tmp_path / "a.conll").write_text("a b\n\n")
    with pytest.raises(ConfigError, match=r"columns are numbers from 1") as error:
        read_tagged(str(tmp_path / "a.conll"), word=column)
    assert len(str(error.value)) < 300


def test_a_word_of_capitals_that_are_no_letters(tmp_path):
    (tmp_path / "a.txt").write_text("Chapter Ⅷ ends here\n")
    (sentence,) = read_tagged(str(tmp_path / "a.txt"), format="text").sentences
    assert sentence.tags == ["Title", "lower", "lower", "lower"]
