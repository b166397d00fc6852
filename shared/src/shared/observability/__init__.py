"""Logs, metrics and the trace context that follows a request over HTTP and AMQP."""
