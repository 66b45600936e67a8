/** Cloudflare R2's S3 API as a service of the emulator: authenticate, route, refuse, run. */
import { createHash, randomBytes } from 'node:crypto'
import type { ContentStore } from '../content-store.ts'
import type { Exchange } from '../exchange.ts'
import type { Answer, RequestHead, Service, ServiceError, Subject } from '../service.ts'
import { Authenticator, type AuthSettings, hasAuthentication } from './auth.ts'
import type { Call, R2Context } from './call.ts'
import { corsHeaders, preflight } from './cors.ts'
import { errorForStatus, notImplemented, R2Error } from './errors.ts'
import { HANDLERS } from './handlers.ts'
import { type Route, route } from './operations.ts'
import type { R2Quirks } from './quirks.ts'
import { refuseHeaders } from './refused-headers.ts'
import { identity, newVersion, type R2State } from './state.ts'
import { WriteRate } from './write-rate.ts'

/** The byte of which a version that a fault slips in consists. */
const CHANGED_BYTE = 0xee

export interface R2ServiceOptions {
  prefix: string
  accountId: string
  auth: Omit<AuthSettings, 'streaming'>
  quirks: Readonly<R2Quirks>
  contents: ContentStore
  state: R2State
}

export class R2Service implements Service {
  readonly name = 'r2'
  readonly answersContinue: boolean
  readonly #prefix: string
  readonly #context: R2Context
  readonly #authenticator: Authenticator

  constructor ({ prefix, accountId, auth, quirks, contents, state }: R2ServiceOptions) {
    this.#prefix = prefix
    this.answersContinue = !quirks.noContinue
    this.#context = { accountId, state, contents, quirks, writeRate: new WriteRate(quirks.keyWriteRate) }
    this.#authenticator = new Authenticator({ ...auth, streaming: quirks.streamingPayloads === 'decode' })
  }

  describe (head: RequestHead): Subject {
    const { name, key, query } = route(head, this.#prefix)
    const partNumber = query.get('partNumber')
    return {
      operation: head.method === 'OPTIONS' ? 'Preflight' : name,
      key: key === '' ? undefined : key,
      partNumber: partNumber === undefined ? undefined : Number(partNumber)
    }
  }

  async handle (exchange: Exchange): Promise<Answer> {
    const routed = route(exchange.head, this.#prefix)
    const bucket = this.#context.state.buckets.get(routed.bucket)
    if (exchange.head.method === 'OPTIONS') return preflight(exchange.head, bucket)
    const answer = await this.#run(exchange, routed).catch(toAnswer)
    return { ...answer, headers: { ...answer.headers, ...corsHeaders(exchange.head, bucket) } }
  }

  errorAnswer ({ status, code, message }: ServiceError): Answer {
    return errorForStatus(status, code, message).toAnswer()
  }

  /** There is no `x-amz-request-id`: the ray is what support asks for. */
  commonHeaders (): Record<string, string> {
    return { Server: 'cloudflare', 'CF-RAY': `${randomBytes(8).toString('hex')}-AMS` }
  }

  async changeObject (head: RequestHead): Promise<void> {
    const { bucket: name, key } = route(head, this.#prefix)
    const bucket = this.#context.state.buckets.get(name)
    const object = bucket?.objects.get(identity(key))
    if (bucket === undefined || object === undefined) return
    const content = this.#context.contents.fill(object.content.size, CHANGED_BYTE)
    const hash = createHash('md5')
    for await (const chunk of this.#context.contents.read(content)) hash.update(chunk)
    await this.#context.state.putObject(bucket, {
      ...object, version: newVersion(), etag: hash.digest('hex'), content, checksum: undefined, parts: undefined
    })
  }

  async #run (exchange: Exchange, { bucket, key, query, target }: Route): Promise<Answer> {
    const { head } = exchange
    // R2 takes a POST to a bucket without credentials for a browser's form. The doubled words are its own.
    if ('operation' in target && target.operation === 'BarePost' && !hasAuthentication(head, query)) {
      throw notImplemented('Presigned post requests are not yet implemented')
    }
    const auth = this.#authenticator.verify(head, query, exchange.now())
    if ('refusal' in target) throw target.refusal
    refuseHeaders(target.operation, head)
    const call: Call = { context: this.#context, exchange, headers: head.headers, query, bucketName: bucket, key, auth }
    return HANDLERS[target.operation](call)
  }
}

function toAnswer (error: unknown): Answer {
  if (error instanceof R2Error) return error.toAnswer()
  throw error
}
