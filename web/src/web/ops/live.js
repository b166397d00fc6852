/** The socket on which the system tells how it is, opened again whenever it is lost. */

import { Connection } from '/sdk/v1/connection.js';
import { Failed, ask } from './session.js';

const RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
const CALM_MS = 30_000;

/** @typedef {{at: number, stored: number, pushed: number, latency: Record<string, [number, number, number]>}} Point */
/** @typedef {{depth: number | null, age_s: number | null, count: number, p50_ms: number | null, p99_ms: number | null}} Lane */
/** @typedef {{service: string, processes: number, parks: boolean, parked: number | null, dead: number | null, silent_s: number | null}} Service */
/**
 * @typedef {{at: number, stored: number, pushed: number, lanes: Record<string, Lane>,
 *   gateways: {process: string, tabs: number, users: number}[], services: Service[]}} Now
 */

/**
 * Until the page goes; throws SignedOut.
 * @param {(now: Now | null, points: Point[], isFirst: boolean) => void} onVitals `isFirst`: points are all there are
 * @param {(status: string) => void} onStatus
 */
export async function watch(onVitals, onStatus) {
  const url = new URL('/v1/ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  for (let failures = 0; ; failures += 1) {
    const began = Date.now();
    try {
      if (await hear(url.href, onVitals, onStatus)) return;
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
    }
    if (Date.now() - began > CALM_MS) failures = 0;
    onStatus('Reconnecting. The figures below are the last that came.');
    const longest = Math.min(LONGEST_RETRY_MS, RETRY_MS * 2 ** failures);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * longest));
  }
}

/**
 * One connection's life. Returns whether there is no point in another.
 * @param {string} url @param {Parameters<typeof watch>[0]} onVitals @param {Parameters<typeof watch>[1]} onStatus
 */
async function hear(url, onVitals, onStatus) {
  const { ticket } = await ask('/v1/tickets', { post: {} });
  let isFirst = true;
  let isRefused = false;
  const connection = new Connection(url, { type: 'hello', ticket }, (frames) => {
    for (const frame of frames) {
      if (frame.type === 'welcome') connection.send({ type: 'watch' });
      if (frame.type === 'vitals') {
        onVitals(frame.now.lanes ? frame.now : null, frame.points, isFirst);
        if (isFirst) onStatus('Live');
        isFirst = false;
      }
      if (frame.type === 'error' && frame.ref === 'watch') {
        isRefused = true;
        onStatus(`Refused: ${frame.message}`);
        connection.close();
      }
    }
  });
  const wake = () => connection.check();
  document.addEventListener('visibilitychange', wake);
  await connection.closed;
  document.removeEventListener('visibilitychange', wake);
  return isRefused;
}
