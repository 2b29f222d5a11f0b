"""LLVM IR that all cells share: products, gradients, tasks; and special functions of vectors."""
