import { Loopback } from '../../../lib/http/support/loopback.ts'
import type { Reply } from '../../../lib/http/support/loopback.ts'
import { WaitingClock } from '../../../lib/http/support/clocks.ts'
import type { Clock } from '../../../../lib/clock.ts'
import { R2 } from '../../../../streams/r2/client.ts'
import type { R2Options } from '../../../../streams/r2/config.ts'

export const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'

/** A client of a server on loopback that answers from a queue; its time jumps over waits. */
export async function startR2<C extends Clock = WaitingClock> (
  t: { teardown (done: () => unknown): void }, replies: Reply[] = [], options: R2Options & { clock?: C } = {}
): Promise<{ r2: R2, server: Loopback, clock: C }> {
  const server = await Loopback.start(t, replies)
  const clock = options.clock ?? new WaitingClock() as unknown as C
  const r2 = new R2({ endpoint: server.origin, accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: SECRET, bucket: 'b', ...options, clock })
  t.teardown(() => r2.close())
  return { r2, server, clock }
}
