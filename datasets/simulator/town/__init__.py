"""The simulated town: streets, ground, buildings and street furniture."""
