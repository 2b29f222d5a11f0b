"""`ostinato verify`: the matrix of proofs."""

from __future__ import annotations

from math import inf

from rich.text import Text

from ostinato import cells, levels
from ostinato.cli.screen import console, table
from ostinato.proof import Proof, not_finite, prove

DERIVED = {
    "python": ("python",),
    "torch": ("torch",),
    "aten": ("aten",),
    "native": ("native", "native reversed"),
    "float32": ("native float32",),
    "keras": ("keras", "keras reversed"),
}
WITHOUT_DX = {name: kinds for name, kinds in DERIVED.items() if name != "python"}
INDEPENDENT = {
    "torch.nn": ("torch.nn",),
    "keras.layers": ("keras.layers", "keras.layers reversed"),
    "by hand": ("by hand",),
    "slope": ("slope",),
}
TABLES = {
    "Derived": (DERIVED, True),
    "Derived, x without a gradient": (WITHOUT_DX, False),
    "Independent": (INDEPENDENT, True),
}
"""Title → columns, and whether the proofs in them ask for dL/dx."""
LEGEND = (
    "Derived: numpy against other levels of the same text, values and gradients; native and "
    "keras in both directions, native once more in float32. Keras computes in float32, unless on "
    "TensorFlow.",
    "Derived, x without a gradient: the same where x needs none, as data do; plain Python always "
    "computes all gradients. In both, weights are frozen in turn, and first states are learned, "
    "fixed or not given (not in Keras); uninitialized memory is NaN.",
    "Independent: numpy against PyTorch's and Keras' own layers (values and "
    "gradients), a step computed by hand (values), and numerical derivatives "
    "of the loss (gradients). A dash: not available for this cell.",
)


def verify(*cell: str) -> None:
    """Prove that cells compute the same at every level, and that their equations are right.

    Example: ostinato verify lstm gru

    Each entry is the largest difference, relative for numbers above 1, over dense batches, ragged
    batches and batches of a single step. Exits with status 1 if any is larger than its tolerance.

    Parameters
    ----------
    cell
        Names of cells, or path/to/file.py:name. Default: all included cells.
    """
    proofs = {name: prove(cells.find(name)) for name in cell or cells.names()}
    for title, (columns, dx) in TABLES.items():
        matrix = table("cell", *columns, title=title)
        for name, found in proofs.items():
            chosen = [p for p in found if p.asked.x == dx]
            row = [_entry([p for p in chosen if p.against in kinds]) for kinds in columns.values()]
            matrix.add_row(name, *row)
        console.print(matrix)
    for line in LEGEND:
        console.print(line)
    reason = levels.find("keras").obstacle()
    if reason:
        console.print(f"No proofs with Keras: {reason}.")
    failed: dict[tuple[str, ...], Proof] = {}  # the worst of each kind, whatever was asked for
    for proof in (proof for found in proofs.values() for proof in found if not proof.holds):
        kind = (proof.cell, proof.what, proof.against, proof.batch)
        failed[kind] = max(failed.get(kind, proof), proof, key=lambda proof: proof.error)
    for proof in failed.values():
        console.print(
            f"FAILED {proof.cell}: {proof.what} against {proof.against}, {proof.batch} batch"
            f"{', ' * bool(str(proof.asked))}{proof.asked}: "
            f"{proof.error:.1e} > {proof.tolerance:.1e}",
            style="red",
        )
    for name, found in proofs.items():
        if any(p.error == inf for p in found) and (why := not_finite(cells.find(name))):
            console.print(why, style="red", soft_wrap=True)
    if failed:
        raise SystemExit(1)
    console.print("All proofs hold.")


def _entry(proofs: list[Proof]) -> Text:
    if not proofs:
        return Text("–", style="dim")
    worst = max(proofs, key=lambda proof: proof.error / proof.tolerance)
    mark, style = ("✓", "green") if worst.holds else ("✗", "red")
    return Text(f"{mark}{worst.error:.0e}", style=style)
