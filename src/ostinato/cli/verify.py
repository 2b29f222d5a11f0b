"""`ostinato verify`: the matrix of proofs."""

from __future__ import annotations

from rich.text import Text

from ostinato import cells
from ostinato.cli.screen import console, table
from ostinato.levels.verify import Proof, prove

COLUMNS = {
    "python": ("python",),
    "torch": ("torch",),
    "aten": ("aten",),
    "native": ("native", "native reversed"),
    "float\n32": ("native float32",),
    "torch\n.nn": ("torch.nn",),
    "by\nhand": ("by hand",),
    "slope": ("slope",),
}


LEGEND = (
    "python, torch, aten, native: derived, other levels of the same text, values and gradients; "
    "native reads both ways, and once more in float32.",
    "torch.nn, by hand, slope: independent, PyTorch's own layers (values and gradients), a step "
    "worked by hand (values), and measured slopes of the loss (gradients). A dash: there is none "
    "for this cell.",
)


def verify(*cell: str) -> None:
    """Prove that cells are the same at every level, and that their text is right.

    Example: ostinato verify lstm gru

    Each entry is the largest difference, relative to numbers larger than 1, over batches dense,
    ragged and of a single step. Exits with status 1 if any is larger than its tolerance.

    Parameters
    ----------
    cell
        Names of cells, or path/to/file.py:name; all shipped cells unless given.
    """
    matrix = table("cell", *COLUMNS, title="numpy against …")
    matrix.show_edge = False  # 80 columns are all there may be
    failed: list[Proof] = []
    for name in cell or cells.names():
        proofs = prove(cells.find(name))
        failed += [proof for proof in proofs if not proof.holds]
        row = [_entry([p for p in proofs if p.against in against]) for against in COLUMNS.values()]
        matrix.add_row(name, *row)
    console.print(matrix)
    for line in LEGEND:
        console.print(line)
    for proof in failed:
        console.print(
            f"FAILED {proof.cell}: {proof.what} against {proof.against}, {proof.batch} batch: "
            f"{proof.error:.1e} > {proof.tolerance:.1e}",
            style="red",
        )
    if failed:
        raise SystemExit(1)
    console.print("All proofs hold.")


def _entry(proofs: list[Proof]) -> Text:
    if not proofs:
        return Text("–", style="dim")
    worst = max(proofs, key=lambda proof: proof.error / proof.tolerance)
    mark, style = ("✓", "green") if worst.holds else ("✗", "red")
    return Text(f"{mark}{worst.error:.0e}", style=style)
