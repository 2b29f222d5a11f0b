"""The classifier of `tasks.classify`, built of Keras 3 layers, with its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato import cells
from ostinato.errors import ConfigError, UnknownName
from ostinato.nn.pooling import POOLINGS
from ostinato.tasks.classify.settings import ClassifySettings

Weights = Mapping[str, NDArray[np.float32]]


class KerasClassifier:
    """Embedding, recurrent layers over the cell, pooling, logits: the network without its noise.

    Args:
        settings: the cell and the sizes.
        symbols: V.
        classes: K.

    Attributes:
        model: the `keras.Model`: symbols (B, T) int32 → logits (B, K). Symbols count from 1, and
            0 is padding, as Keras' `Embedding(mask_zero=True)` has it.

    Raises:
        ConfigError: where Keras is missing, or for parts that are not built here.
    """

    def __init__(self, settings: ClassifySettings, symbols: int, classes: int) -> None:
        if settings.model.bigrams or settings.model.members > 1:
            raise ConfigError("a network of Keras has neither bigrams nor members here")
        import keras

        from ostinato.levels.keras import Recurrent

        size = settings.model
        cell = cells.find(settings.cell)
        self._embedding = keras.layers.Embedding(symbols + 1, size.embedding, mask_zero=True)
        self._recurrent: dict[str, Any] = {}
        self._pooling: dict[str, Any] = {}
        words = keras.Input((None,), dtype="int32")
        mask = keras.ops.not_equal(words, 0)
        read = self._embedding(words)
        for k in range(size.layers):
            whole = k < size.layers - 1 or size.pooling != "last"
            layer = Recurrent(cell, size.hidden, size.projection, return_sequences=whole)
            if size.bidirectional:
                both = keras.layers.Bidirectional(layer)
                self._recurrent[f"_l{k}"] = both.forward_layer
                self._recurrent[f"_l{k}_reverse"] = both.backward_layer
                read = both(read)
            else:
                self._recurrent[f"_l{k}"] = layer
                read = layer(read)
        pooled = self._pool(size.pooling, read, mask)
        self._output = keras.layers.Dense(classes)
        self.model = keras.Model(words, self._output(pooled))

    def _pool(self, name: str, outputs: Any, mask: Any) -> Any:
        """Outputs (B, T, H) and which of them are real (B, T) → (B, P)."""
        from keras import layers, ops

        real = ops.expand_dims(mask, -1)
        last = ops.sum(ops.cast(real, "int32"), 1, keepdims=True) - 1  # (B, 1, 1)
        match name:
            case "last":  # the layer gave no other
                return outputs
            case "max":
                return ops.max(ops.where(real, outputs, -np.inf), 1)
            case "mean":
                return layers.GlobalAveragePooling1D()(outputs, mask=mask)
            case "max_mean":
                parts = [self._pool(part, outputs, mask) for part in ("max", "mean")]
                return layers.Concatenate()(parts)
            case "first_last":
                end = ops.take_along_axis(outputs, last, 1)[:, 0]
                return layers.Concatenate()([outputs[:, 0], end])
            case "attention":
                hidden = layers.Dense(outputs.shape[-1], activation="tanh")
                score = layers.Dense(1, use_bias=False)
                self._pooling = {"pooling.hidden": hidden, "pooling.score": score}
                weights = layers.Softmax(1)(score(hidden(outputs)), mask=real)
                return ops.sum(weights * outputs, 1)
        raise UnknownName("pooling", name, POOLINGS)

    def inputs(self, values: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int32]:
        """Symbols (B, T) and lengths (B,) as the model takes them: (B, T)."""
        real = np.arange(values.shape[1]) < lengths[:, None]
        return np.where(real, values + 1, 0).astype(np.int32)

    def load(self, weights: Weights) -> None:
        """Takes the weights of a `ClassifyNetwork`, by their names there."""
        table = weights["embedding.weight"]
        self._embedding.set_weights([np.concatenate([0 * table[:1], table])])
        own = {name.removeprefix("recurrent."): w for name, w in weights.items()}
        for suffix, layer in self._recurrent.items():
            layer.load_torch(own, suffix)
        for name, layer in self._dense().items():
            parts = [weights[f"{name}.weight"].T, weights.get(f"{name}.bias")]
            layer.set_weights([part for part in parts if part is not None])

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The weights as a `ClassifyNetwork` has them."""
        found = {"embedding.weight": self._embedding.get_weights()[0][1:]}
        for suffix, layer in self._recurrent.items():
            found |= {f"recurrent.{n}": w for n, w in layer.torch_weights(suffix).items()}
        for name, layer in self._dense().items():
            kernel, *bias = layer.get_weights()
            found |= {f"{name}.weight": kernel.T} | {f"{name}.bias": b for b in bias}
        return found

    def _dense(self) -> dict[str, Any]:
        return self._pooling | {"output": self._output}
