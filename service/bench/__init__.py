"""What the service is measured by: simulated surveys with known truth, through the real database."""
