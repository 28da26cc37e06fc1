"""What the survey looks for: defects with a true place in the world, and how each is painted."""
