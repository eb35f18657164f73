"""From the description of an architecture to a ``torch.nn.Module``."""
