"""`python -m reconciler`: the command line, where the script that goes by the same name is not installed."""

from reconciler.cli.main import main

main()
