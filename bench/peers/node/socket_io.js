// A gateway with Socket.IO: a room for every user.

import { createServer } from "node:http";
import { Server } from "socket.io";
import { consumeNotifications } from "./notifications.js";

const server = createServer((_, response) => response.end());
const io = new Server(server);

io.on("connection", (socket) => socket.join(socket.handshake.auth.user));

await consumeNotifications(process.env.BROKER_URL, (notification) => {
  io.to(notification.user_id).emit("notification", { type: "notification", ...notification });
});
server.listen(Number(process.env.PORT), "127.0.0.1");
