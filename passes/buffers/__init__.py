"""From tensors to planned buffers."""
