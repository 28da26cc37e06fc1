"""`python -m service` is `rasid`, for callers that have only the interpreter."""

from service.cli import main

main()
