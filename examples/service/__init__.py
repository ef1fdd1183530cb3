"""A small service that embeds Aegis, as it runs in a cluster: probes, draining, a job beside it."""
