"""Is the cached answer right for this question? A probability that is learnt from the deployment's own traffic."""
