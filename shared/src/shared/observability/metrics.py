"""Prometheus metrics, served on a port of their own so that they are never public."""

from __future__ import annotations

from prometheus_client import start_http_server

LATENCY_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


def serve_metrics(host: str, port: int) -> None:
    """Serve ``/metrics`` on ``host:port``; port 0 switches it off."""
    if port:
        start_http_server(port, addr=host)
