"""`rasid bench`: what this machine makes of this model, each contender a process of its own, all interleaved."""
