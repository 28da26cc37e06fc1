"""The main job end to end, over the real HTTP API: what a newcomer runs first."""
