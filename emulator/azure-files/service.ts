/** Azure Files' REST API as a service of the emulator: version, authentication, conditions, then the operation. */
import { randomUUID } from 'node:crypto'
import type { Exchange } from '../exchange.ts'
import type { Answer, RequestHead, Service, ServiceError, Subject } from '../service.ts'
import { BusyFiles } from './busy-files.ts'
import { type AzureContext, type Call, locate } from './call.ts'
import { azureError, AzureError, errorForStatus, invalidHeader, invalidQuery } from './errors.ts'
import { HANDLERS } from './handlers.ts'
import { decodeLoosely, foldName } from './names.ts'
import { type Route, route } from './operations.ts'
import type { Directory, Entry } from './state.ts'
import { isKnownVersion, NEWEST, SINCE } from './versions.ts'
import { document, leaf } from './xml.ts'

/** The byte of which a version that a fault slips in consists. */
const CHANGED_BYTE = 0xee
const CONDITIONS = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']

export class AzureFilesService implements Service {
  readonly name = 'azure-files'
  readonly answersContinue = true
  readonly #context: AzureContext
  readonly #busy: BusyFiles
  readonly #now: () => number

  constructor (context: AzureContext, now: () => number) {
    this.#context = context
    this.#busy = new BusyFiles(context.quirks.requestsPerSecond)
    this.#now = now
  }

  /** The key is the path within the share, or the name of the share where it is all that is named. */
  describe (head: RequestHead): Subject {
    const { name, share, path, level } = route(head, this.#context.accountName)
    const key = level === 'service' ? undefined : level === 'share' ? share : decodeLoosely(path)
    return { operation: name, key }
  }

  /** An SDK takes the account out of the path when it makes the destination of a rename; its source still has it. */
  claims ({ headers }: RequestHead): boolean {
    const source = headers['x-ms-file-rename-source']
    return source !== undefined && URL.canParse(source) && new URL(source).pathname.startsWith(`/${this.#context.accountName}/`)
  }

  async handle (exchange: Exchange): Promise<Answer> {
    const { head } = exchange
    const answer = await this.#run(exchange).catch((error: unknown) => {
      if (error instanceof AzureError) return refuse(error, head, exchange.now())
      throw error
    })
    return addressed(answer, head)
  }

  errorAnswer ({ status, code, message }: ServiceError, head: RequestHead): Answer {
    return addressed(refuse(errorForStatus(status, code, message), head, this.#now()), head)
  }

  commonHeaders (): Record<string, string> {
    return { Server: 'Windows-Azure-File/1.0 Microsoft-HTTPAPI/2.0' }
  }

  async changeObject (head: RequestHead): Promise<void> {
    const { share: name, path } = route(head, this.#context.accountName)
    const { state, contents } = this.#context
    const share = state.shares.get(name)
    if (share === undefined || path === '') return
    const entry = findLoosely(share.root, decodeLoosely(path).split('/'))
    if (entry?.kind !== 'file') return
    entry.bytes.write(0, contents.fill(entry.size, CHANGED_BYTE))
    entry.modified = state.tick(this.#now())
    Object.assign(entry.smb, { changed: entry.modified, written: entry.modified })
    await state.saveEntry(share, entry)
  }

  async #run (exchange: Exchange): Promise<Answer> {
    const { head } = exchange
    const routed = route(head, this.#context.accountName)
    const version = statedVersion(head, routed)
    if (version !== undefined && !isKnownVersion(version)) throw invalidHeader('x-ms-version', version)
    if ('refusal' in routed.target) throw routed.target.refusal
    const { operation } = routed.target
    const now = exchange.now()
    const auth = this.#context.authenticator.verify(head, routed, operation, version, now)
    this.#refuseConditions(head)
    checkTimeout(routed)
    if (routed.level === 'file' && !this.#busy.admit(`${routed.share}/${foldName(routed.path)}`, now)) throw azureError('ServerBusy')
    const call: Call = {
      context: this.#context,
      exchange,
      head,
      headers: head.headers,
      route: routed,
      query: routed.query,
      version: version ?? routed.query.get('sv') ?? '',
      auth,
      now
    }
    return HANDLERS[operation](call)
  }

  /** The service honours none of them, and says so. */
  #refuseConditions ({ headers }: RequestHead): void {
    if (this.#context.quirks.conditionHeaders === 'ignore') return
    if (CONDITIONS.some(name => headers[name] !== undefined)) throw azureError('ConditionHeadersNotSupported')
  }
}

/** Headers that tell whose answer it is. */
function addressed (answer: Answer, head: RequestHead): Answer {
  const id = head.headers['x-ms-client-request-id']
  const echo = id === undefined ? {} : { 'x-ms-client-request-id': id }
  return { ...answer, headers: { 'x-ms-request-id': randomUUID(), 'x-ms-version': answeredVersion(head), ...echo, ...answer.headers } }
}

/** HEAD learns of an error by its headers alone. */
function refuse (error: AzureError, head: RequestHead, now: number): Answer {
  const answer = errorAnswer(error, now)
  if (answeredVersion(head) < SINCE.errorCodeHeader) delete answer.headers['x-ms-error-code']
  if (head.method !== 'HEAD') return answer
  const { body, headers: { 'Content-Type': type, ...headers }, ...rest } = answer
  return { ...rest, headers }
}

function statedVersion ({ headers }: RequestHead, { query }: Route): string | undefined {
  return headers['x-ms-version'] ?? query.get('api-version')
}

/** What the request named, or what a signature in its URL did. */
function answeredVersion (head: RequestHead): string {
  const stated = head.headers['x-ms-version'] ?? /(?:^|&)sv=([\d-]+)/.exec(head.query)?.[1]
  return stated !== undefined && isKnownVersion(stated) ? stated : NEWEST
}

function checkTimeout ({ query }: Route): void {
  const text = query.get('timeout')
  if (text !== undefined && !/^\d{1,6}$/.test(text)) throw invalidQuery('timeout', text, 'Invalid integer value.')
}

/** The message ends in the id of the request and the time. */
function errorAnswer (error: AzureError, now: number): Answer {
  const id = randomUUID()
  const message = `${error.message}\nRequestId:${id}\nTime:${new Date(now).toISOString().replace('Z', '0000Z')}`
  const details = Object.entries(error.details).map(([name, value]) => leaf(name, value))
  return {
    status: error.status,
    reason: error.message,
    headers: { 'Content-Type': 'application/xml', 'x-ms-request-id': id, 'x-ms-error-code': error.code, ...error.headers },
    body: document('Error', '', leaf('Code', error.code), leaf('Message', message), details)
  }
}

function findLoosely (root: Directory, segments: string[]): Entry | undefined {
  try {
    return locate(root, segments).entry
  } catch {
    return undefined
  }
}
