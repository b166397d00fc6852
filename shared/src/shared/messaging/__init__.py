"""The broker behind two small ports: publish a batch with confirms, consume a queue in batches."""

from shared.messaging.connection import BrokerAway, MissingBrokerObject
from shared.messaging.consumer import BatchConsumer
from shared.messaging.deliveries import Delivery
from shared.messaging.fanout import FanoutListener
from shared.messaging.publisher import Message, Publisher, Receipt

__all__ = [
    "BatchConsumer",
    "BrokerAway",
    "Delivery",
    "FanoutListener",
    "Message",
    "MissingBrokerObject",
    "Publisher",
    "Receipt",
]
