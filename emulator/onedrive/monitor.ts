/** Monitors of work that goes on. Their URLs are keys, as upload URLs are. */
import type { Answer } from '../service.ts'
import { refuseAuthorization } from './capability.ts'
import type { Context } from './call.ts'
import type { Job } from './copy-jobs.ts'
import { itemNotFound } from './errors.ts'
import type { Incoming } from './incoming.ts'

export function monitorUrl ({ filesOrigin: origin, drives }: Context, id: string): string {
  return drives.flavour === 'business' ? `${origin}/onedrive/monitor/_api/v2.1/drive/operations/${id}?c=eu-1&tempauth=v1.${id}` : `${origin}/onedrive/monitor/${id}`
}

export async function serveMonitor (context: Context, incoming: Incoming): Promise<Answer> {
  const { path } = incoming.head
  refuseAuthorization(context, incoming.head)
  const job = await context.jobs.poll(path.split('/').at(-1) ?? '')
  if (job === undefined) throw itemNotFound('The operation could not be found.')
  return answer(context, job)
}

function answer ({ quirks, graphOrigin }: Context, { operation, polls, state }: Job): Answer {
  switch (state.phase) {
    case 'running':
    case 'finishing': return json(202, {
      operation, status: polls === 1 ? 'notStarted' : 'inProgress', percentageComplete: Math.min(99, Math.round(100 * (polls - 1) / (quirks.copyPolls + 1)))
    })
    case 'failed': return json(200, { operation, status: 'failed', error: { code: state.error.code, message: state.error.message } })
    case 'completed': {
      const body = { operation, status: 'completed', percentageComplete: 100, resourceId: state.resourceId }
      const Location = `${graphOrigin}/onedrive/v1.0/drives/${state.driveId}/items/${encodeURIComponent(state.resourceId)}`
      return quirks.copyDone === 303 ? json(303, body, { Location }) : json(200, body)
    }
  }
}

function json (status: number, body: object, headers: Record<string, string> = {}): Answer {
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) }
}
