"""LLVM's text of one cell: its units, its panels, its loops over time. `cell.emit` makes it."""
