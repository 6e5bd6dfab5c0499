"""The committed predictions are what ``tools/make_predictions.py`` makes, and are genuine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
csv = pytest.importorskip("pyarrow.csv")
parquet = pytest.importorskip("pyarrow.parquet")

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "examples" / "data"
FILES = (
    "breast_cancer_margins.csv",
    "breast_cancer_margins.parquet",
    "breast_cancer_means.csv",
    "wine_logits.csv",
)


def read(path: Path) -> dict[str, np.ndarray]:
    table = parquet.read_table(path) if path.suffix == ".parquet" else csv.read_csv(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def assert_same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    assert list(left) == list(right)
    for name in left:
        if left[name].dtype.kind == "f":
            # Six digits are written; a last one may round the other way.
            np.testing.assert_allclose(left[name], right[name], rtol=2e-5)
        else:
            np.testing.assert_array_equal(left[name], right[name])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    script = ROOT / "tools" / "make_predictions.py"
    specification = importlib.util.spec_from_file_location("make_predictions", script)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("predictions")
    module.main(folder)
    return folder


@pytest.mark.parametrize("name", FILES)
def test_script_makes_the_committed_file(made: Path, name: str) -> None:
    assert_same(read(made / name), read(DATA / name))


def test_script_makes_no_other_file(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == sorted(FILES)


def test_csv_and_parquet_hold_the_same() -> None:
    left, right = (read(DATA / f"breast_cancer_margins.{kind}") for kind in ("csv", "parquet"))
    assert_same(left, right)


def test_breast_cancer_columns() -> None:
    data = read(DATA / "breast_cancer_margins.csv")
    assert list(data) == ["id", "fold", "margin", "label", "malignant", "size"]
    np.testing.assert_array_equal(data["id"], np.arange(569))
    np.testing.assert_array_equal(np.unique(data["fold"]), np.arange(10))
    np.testing.assert_array_equal(data["label"], 2 * data["malignant"] - 1)
    assert data["malignant"].sum() == 212
    sizes, counts = np.unique(data["size"], return_counts=True)
    assert dict(zip(sizes, counts, strict=True)) == {"small": 189, "medium": 190, "large": 190}


def test_breast_cancer_means_are_of_the_same_rows() -> None:
    means = read(DATA / "breast_cancer_means.csv")
    assert list(means) == ["id", "margin"]
    np.testing.assert_array_equal(means["id"], np.arange(569))
    label = read(DATA / "breast_cancer_margins.csv")["label"]
    assert 0 < np.sum(means["margin"] * label <= 0) < 0.1 * len(label)


def test_wine_columns() -> None:
    data = read(DATA / "wine_logits.csv")
    assert list(data) == ["id", "fold", "z_0", "z_1", "z_2", "label"]
    np.testing.assert_array_equal(np.bincount(data["label"]), [59, 71, 48])


def test_predictions_are_good_but_not_perfect() -> None:
    """Of a real classifier: most signs are right, some are not."""
    margins = read(DATA / "breast_cancer_margins.csv")
    wrong = np.sum(margins["margin"] * margins["label"] <= 0)
    assert 0 < wrong < 0.05 * len(margins["label"])
    wine = read(DATA / "wine_logits.csv")
    logits = np.column_stack([wine[f"z_{k}"] for k in range(3)])
    wrong = np.sum(logits.argmax(axis=1) != wine["label"])
    assert 0 < wrong < 0.05 * len(logits)
