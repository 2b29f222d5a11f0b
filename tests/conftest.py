import torch
from hypothesis import Phase, settings

# No deadline: a first example pays for compiling. No explanations: they take minutes and memory.
settings.register_profile(
    "ostinato", deadline=None, max_examples=50, phases=set(Phase) - {Phase.explain}
)
settings.load_profile("ostinato")
torch.set_num_threads(1)  # small products: threads cost more than they give

# pytest would look for doctests in each of them, under one and the same name.
collect_ignore_glob = ["*conftest.py"]
