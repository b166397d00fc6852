// A gateway with ws: a set of sockets for every user, the broadcast and the heartbeat of its documentation.

import { createServer } from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { consumeNotifications } from "./notifications.js";

const HEARTBEAT_MS = 30_000;

const server = createServer((_, response) => response.end());
const sockets = new WebSocketServer({ server });
const tabs = new Map();

sockets.on("connection", (socket, request) => {
  const user = request.url.split("/").pop();
  if (!tabs.has(user)) tabs.set(user, new Set());
  tabs.get(user).add(socket);
  socket.isAlive = true;
  socket.on("error", console.error);
  socket.on("pong", () => (socket.isAlive = true));
  socket.on("close", () => tabs.get(user).delete(socket));
  socket.send('{"type":"live"}');
});

setInterval(() => {
  for (const socket of sockets.clients) {
    if (!socket.isAlive) {
      socket.terminate();
      continue;
    }
    socket.isAlive = false;
    socket.ping();
  }
}, HEARTBEAT_MS);

await consumeNotifications(process.env.BROKER_URL, (notification) => {
  const data = JSON.stringify({ type: "notification", ...notification });
  for (const socket of tabs.get(notification.user_id) ?? []) {
    if (socket.readyState === WebSocket.OPEN) socket.send(data);
  }
});
server.listen(Number(process.env.PORT), "127.0.0.1");
