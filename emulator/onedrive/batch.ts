/**
 * `$batch`: up to 20 requests in one, each answered and throttled by itself. Faults that ask for a status, a lost answer or a
 * changed object hit parts as they hit requests; there is no connection of a part's own to cut.
 */
import type { FaultEffects } from '../../lib/simulation/faults.ts'
import type { Deed } from '../../lib/simulation/request-log.ts'
import type { Answer, RequestHead } from '../service.ts'
import { type Call, jsonAnswer } from './call.ts'
import { badRequest, errorForStatus, type RequestIds } from './errors.ts'
import { type Incoming, isObject, type Json, readJson, textIn } from './incoming.ts'
import { MAX_BATCH } from './limits.ts'
import { subjectOf } from './subject.ts'

interface Part {
  id: string
  head: RequestHead
  body: Buffer
  dependsOn: string[]
}

interface PartAnswer {
  id: string
  status: number
  headers: Record<string, string>
  body?: unknown
}

/** One that was answered, and what was done for it, which is not the answer's to tell. */
interface AnsweredPart {
  answer: PartAnswer
  done: readonly Deed[]
}

export async function batch (call: Call): Promise<Answer> {
  const parts = readParts(call, await readJson(call.incoming))
  const answered = new Map<string, AnsweredPart>()
  for (const part of inOrder(parts)) answered.set(part.id, await answerPart(call, part, answered))
  const responses = [...answered.values()].map(({ answer }) => answer)
  if (call.context.quirks.shuffledBatches) shuffle(responses, call.context.random)
  return { ...jsonAnswer({ responses }), done: [...answered.values()].flatMap(({ done }) => done) }
}

function readParts (call: Call, json: Json): Part[] {
  const { requests } = json
  if (!Array.isArray(requests) || requests.length === 0) throw badRequest('The batch request has no requests.')
  if (requests.length > MAX_BATCH) throw badRequest(`Number of batch request steps exceeds the maximum value of ${MAX_BATCH}.`)
  const parts = requests.map((request: unknown) => readPart(call, request))
  const ids = new Set(parts.map(part => part.id))
  if (ids.size < parts.length) throw badRequest('The ids of the batch requests must be unique.')
  if (parts.some(part => part.dependsOn.some(id => !ids.has(id)))) throw badRequest('A batch request depends on one that is not there.')
  return parts
}

function readPart (call: Call, request: unknown): Part {
  if (!isObject(request)) throw badRequest('A batch request must be an object.')
  const [id, method, url] = [textIn(request, 'id'), textIn(request, 'method'), textIn(request, 'url')]
  if (id === undefined || method === undefined || url === undefined) throw badRequest('A batch request needs an id, a method and a url.')
  const given = isObject(request['headers']) ? request['headers'] : {}
  const headers = Object.fromEntries(Object.entries(given).map(([name, value]) => [name.toLowerCase(), String(value)]))
  const { authorization } = call.incoming.head.headers
  return {
    id,
    head: { method: method.toUpperCase(), ...splitUrl(url), headers: { ...(authorization === undefined ? {} : { authorization }), ...headers } },
    body: encodeBody(request['body'], headers['content-type']),
    dependsOn: Array.isArray(request['dependsOn']) ? request['dependsOn'].map(String) : []
  }
}

function splitUrl (url: string): Pick<RequestHead, 'path' | 'query'> {
  const [path = '', ...query] = url.split('?')
  if (/^\/?\$batch/.test(path)) throw badRequest('A batch cannot contain a batch.')
  return { path: `/onedrive/v1.0${path.startsWith('/') ? '' : '/'}${path}`, query: query.join('?') }
}

/** JSON as it is, anything else in base64. */
function encodeBody (body: unknown, contentType: string | undefined): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0)
  if (contentType === undefined) throw badRequest('A batch request with a body needs a Content-Type header.')
  if (/\bjson\b/i.test(contentType)) return Buffer.from(JSON.stringify(body))
  if (typeof body !== 'string') throw badRequest('A body that is not JSON must be in base64.')
  return Buffer.from(body, 'base64')
}

/** Each after all that it depends on. @throws {GraphError} 400 for a circle */
function inOrder (parts: readonly Part[]): Part[] {
  const order: Part[] = []
  let waiting = [...parts]
  while (waiting.length > 0) {
    const ready = waiting.filter(part => part.dependsOn.every(id => order.some(done => done.id === id)))
    if (ready.length === 0) throw badRequest('The batch requests depend on each other in a circle.')
    order.push(...ready)
    waiting = waiting.filter(part => !ready.includes(part))
  }
  return order
}

async function answerPart (call: Call, part: Part, before: ReadonlyMap<string, AnsweredPart>): Promise<AnsweredPart> {
  if (part.dependsOn.some(id => (before.get(id)?.answer.status ?? 0) >= 400)) {
    const failed = errorForStatus(424, 'FailedDependency', 'A request that this one depends on failed.').toAnswer('graph', call.ids, call.now)
    return { answer: toPartAnswer(part.id, failed), done: [] }
  }
  const effects = call.context.faults.effectsFor(subjectOf(part.head))
  const { done = [], ...answer } = await answerUnderFaults(call, part, effects)
  return { answer: toPartAnswer(part.id, answer), done }
}

async function answerUnderFaults (call: Call, part: Part, effects: FaultEffects): Promise<Answer> {
  if (effects.changeObject !== undefined) await call.context.changeObject(part.head)
  if (effects.status !== undefined) return faultAnswer(effects.status, effects, call.ids, call.now)
  const answer = await call.context.dispatch(toIncoming(call, part), call.ids)
  answer.finish?.()
  if (effects.loseAnswerWith === undefined) return answer
  return { ...faultAnswer(effects.loseAnswerWith, effects, call.ids, call.now), done: answer.done ?? [] }
}

function faultAnswer (status: number, { code, message, retryAfter }: FaultEffects, ids: RequestIds, now: number): Answer {
  const answer = errorForStatus(status, code, message).toAnswer('graph', ids, now)
  return retryAfter === undefined ? answer : { ...answer, headers: { ...answer.headers, 'Retry-After': String(retryAfter) } }
}

function toIncoming ({ incoming }: Call, { head, body }: Part): Incoming {
  return {
    head,
    contentLength: body.length,
    now: () => incoming.now(),
    body: async function * () { if (body.length > 0) yield body }
  }
}

function toPartAnswer (id: string, { status, headers, body }: Answer): PartAnswer {
  if (typeof body !== 'string' || body === '') return { id, status, headers }
  return { id, status, headers, body: /\bjson\b/.test(headers['Content-Type'] ?? '') ? JSON.parse(body) as unknown : Buffer.from(body).toString('base64') }
}

function shuffle (list: unknown[], random: () => number): void {
  for (let index = list.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1))
    ;[list[index], list[other]] = [list[other], list[index]]
  }
}
