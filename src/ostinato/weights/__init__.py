"""Weights as other ecosystems lay them out: PyTorch, Keras, ONNX."""
