"""What `make deploy` writes: the dashboards, and the alerts in the form of Prometheus' operator."""
