"""The LLVM IR of one cell: its units, its panels, its loops over time; `cell.emit` writes it."""
