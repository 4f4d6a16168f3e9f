"""A stand-in for Explorer that behaves as its API page says, with faults to switch on.

It imports nothing of the rest. Read it in this order: `wire` (a request, a reply), `routes`, `catalogue`
(which workflows exist), `ledger` and `life` (jobs), `listing`, `sessions`, `api` (a request to a reply),
`faults` and `delivery` (what goes wrong), `connection` and `server` (sockets), `control` (paths under
`/sandbox` that the real API does not have).
"""
