"""The operators that `torch.library` knows as ``torch.ops.phasewise``."""
