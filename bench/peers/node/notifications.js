// What the notifier publishes, one by one, out of a queue that lives as long as this process.

import amqplib from "amqplib";

export async function consumeNotifications(url, onNotification) {
  const connection = await amqplib.connect(url);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, "floor.notifications", "#");
  const onMessage = (message) => JSON.parse(message.content.toString()).forEach(onNotification);
  await channel.consume(queue, onMessage, { noAck: true });
}
