"""What is written from code into `deploy/`: the operator's form of the alerts. `make deploy` writes it."""
