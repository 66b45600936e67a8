/** A copy that is pending, and how it ends. */
import type { Call } from './call.ts'
import type { File } from './state.ts'

/** Create and Set Properties make the service forget a copy. */
export function dropCopy (file: File): void {
  file.copy = undefined
  file.incoming?.release()
  file.incoming = undefined
}

/** One more look at a pending copy: it comes nearer to its end. */
export async function advanceCopy (call: Call, file: File): Promise<void> {
  const { copy } = file
  if (copy?.status !== 'pending' || copy.pollsLeft === undefined) return
  if (copy.pollsLeft > 0) {
    copy.done = Math.floor(copy.total / (copy.pollsLeft + 1))
    copy.pollsLeft--
    return
  }
  finishCopy(call, file)
  const share = call.context.state.shares.get(call.route.share)
  if (share !== undefined) await call.context.state.saveEntry(share, file)
}

function finishCopy ({ context, now }: Call, file: File): void {
  const { copy, incoming } = file
  if (copy === undefined) return
  const { pendingCopies } = context.quirks
  const failed = pendingCopies !== false && pendingCopies.outcome === 'failed'
  file.modified = context.state.tick(now)
  copy.completed = file.modified
  copy.status = failed ? 'failed' : 'success'
  if (failed) {
    copy.description = '500 InternalServerError "Copy failed."'
    incoming?.release()
  } else {
    copy.done = copy.total
    file.bytes.release()
    if (incoming !== undefined) file.bytes = incoming
  }
  file.incoming = undefined
}
