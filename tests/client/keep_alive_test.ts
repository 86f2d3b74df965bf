/** What keeps a process alive: whatever a caller waits for, and nothing else. */

import { assertEquals, assertRejects } from "../std/assert.ts";
import { until } from "../helpers/waiting.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { end, getValuesResult, stdout } from "../vectors/wire.ts";
import { answer, clientTest } from "./application.ts";

/** A clock that counts what keeps the process alive. */
class HoldingClock implements Clock {
  holds = 0;
  readonly now = systemClock.now;
  readonly every = systemClock.every;

  keepAlive(): () => void {
    this.holds++;
    return () => void this.holds--;
  }
}

const queueing = new HoldingClock();
clientTest(
  "fetch keeps the process alive while it waits for a connection, and no longer",
  {
    maxConnections: 1,
    clock: queueing,
  },
  () => {},
  async ({ client, connection }) => {
    const first = client.fetch("/");
    const app = await connection();
    await app.untilSent();
    app.send(stdout(1, "X: y\r\n\r\n" + "x".repeat(60_000)), stdout(1, "x".repeat(60_000)));
    const response = await first;
    assertEquals(queueing.holds, 0, "an unread body keeps nothing alive");
    const second = client.fetch("/");
    await until(() => client.stats().queuedRequests === 1, "the second request to wait");
    assertEquals(queueing.holds, 1);
    const rejected = assertRejects(() => second, Error, "The client was closed");
    const broken = assertRejects(() => response.text(), Error);
    await client.close();
    await Promise.all([rejected, broken]);
    assertEquals(queueing.holds, 0);
  },
);

const collecting = new HoldingClock();
clientTest("fetch keeps the process alive while it waits for its body", { clock: collecting }, () => {}, async ({
  client,
}) => {
  const rejected = assertRejects(() => client.fetch("/", { method: "POST", body: new ReadableStream() }), Error);
  await until(() => client.stats().queuedRequests === 1, "the body to be waited for");
  assertEquals(collecting.holds, 1);
  await client.close();
  await rejected;
  assertEquals(collecting.holds, 0);
});

const sharing = new HoldingClock();
clientTest("A connection keeps the process alive while one body waits behind another", {
  multiplex: true,
  maxConnections: 1,
  clock: sharing,
}, async (connection) => {
  await connection.until(() => connection.records.length > 0, "a record");
  if (connection.records[0]?.type === 9) return connection.send(getValuesResult("FCGI_MPXS_CONNS", "1"));
  await connection.untilSent(1);
  connection.send(...answer("X: y"));
  await connection.untilSent(3);
  connection.send(stdout(2, "X: y\r\n\r\n"), stdout(3, "X: y\r\n\r\n"));
  for (let sent = 0; sent < 80; sent++) connection.send(stdout(2, "x".repeat(60_000)));
  connection.send(end(2), stdout(3, "behind"), end(3));
}, async ({ client, connections }) => {
  await (await client.fetch("/")).text();
  await until(() => connections.some(({ records, over }) => records[0]?.type === 9 && over), "the answer to be read");
  const [long, behind] = await Promise.all([client.fetch("/long"), client.fetch("/behind")]);
  const text = behind.text();
  await until(() => sharing.holds === 1, "the socket to be paused");
  assertEquals((await long.text()).length, 4_800_000);
  assertEquals([await text, sharing.holds], ["behind", 0]);
});
