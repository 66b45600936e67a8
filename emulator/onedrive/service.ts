/** OneDrive as a service of the emulator: Graph, the login host, and the hosts behind upload, download and monitor URLs. */
import { randomUUID } from 'node:crypto'
import type { Exchange } from '../exchange.ts'
import type { Answer, RequestHead, Service, ServiceError, Subject } from '../service.ts'
import { authenticate, identityOf, refuseMe } from './auth.ts'
import type { Call, Context } from './call.ts'
import { changeObject } from './change-object.ts'
import { deltaTokenOf } from './delta.ts'
import { serveDownload } from './download-host.ts'
import { badRequest, errorForStatus, GraphError, type Host, requestIds, type RequestIds } from './errors.ts'
import { HANDLERS } from './handlers.ts'
import type { Incoming } from './incoming.ts'
import { OAuthError, serveLogin } from './login.ts'
import { serveMonitor } from './monitor.ts'
import { Query } from './query.ts'
import { routeGraph } from './route.ts'
import { pathMeant, placeOf, subjectOf } from './subject.ts'
import { serveUpload } from './upload-host.ts'

/** Beside a file, what each of its hosts answers with. */
const HOST_OPERATIONS = { up: 'UploadFragment', down: 'DownloadContent' } as const

export class OneDriveService implements Service {
  readonly name = 'onedrive'
  readonly answersContinue = true
  readonly #context: Context
  readonly #now: () => number

  constructor (context: Omit<Context, 'dispatch' | 'changeObject'>, now: () => number) {
    this.#now = now
    this.#context = {
      ...context,
      dispatch: (incoming, ids) => this.#graph(incoming, ids),
      changeObject: head => this.changeObject(head)
    }
  }

  /** Where links begin, known once the server listens. */
  listenAt (origin: string): void {
    this.#context.graphOrigin ||= origin
    this.#context.filesOrigin ||= origin
  }

  get context (): Context {
    return this.#context
  }

  describe (head: RequestHead): Subject {
    return subjectOf(head)
  }

  async handle (exchange: Exchange): Promise<Answer> {
    const ids = requestIds(exchange.head.headers)
    await this.#context.jobs.settle(exchange.now())
    const { area, rest } = placeOf(exchange.head.path)
    const answer = await this.#serve(area, exchange, rest, ids)
    return { ...answer, headers: { ...idHeaders(ids), ...answer.headers } }
  }

  errorAnswer ({ status, code, message }: ServiceError, head: RequestHead): Answer {
    const { area } = placeOf(head.path)
    if (area === 'login') return new OAuthError(status, code ?? (status < 500 ? 'invalid_grant' : 'temporarily_unavailable'), 90033, message ?? 'A transient error has occurred. Please try again.').toAnswer(this.#now())
    const ids = requestIds(head.headers)
    const answer = errorForStatus(status, code, message).toAnswer(hostOf(area), ids, this.#now())
    return { ...answer, headers: { ...idHeaders(ids), ...answer.headers } }
  }

  commonHeaders (): Record<string, string> {
    return { 'x-ms-ags-diagnostic': '{"ServerInfo":{"DataCenter":"Loopback","Slice":"E","Ring":"5","ScaleUnit":"000"}}', 'request-id': randomUUID() }
  }

  changeObject (head: RequestHead): Promise<void> {
    return changeObject(this.#context, head, this.#now())
  }

  async #serve (area: ReturnType<typeof placeOf>['area'], exchange: Exchange, rest: string, ids: RequestIds): Promise<Answer> {
    switch (area) {
      case 'graph': return this.#graph(exchange, ids)
      case 'login': return serveLogin(this.#context, exchange, rest)
      case 'up':
      case 'down': return this.#files(exchange, ids, async () => {
        const headers = this.#context.budget.spend(HOST_OPERATIONS[area], exchange.now())
        const answer = await (area === 'up' ? serveUpload : serveDownload)(this.#context, exchange)
        return { ...answer, headers: { ...headers, ...answer.headers } }
      })
      case 'monitor': return this.#files(exchange, ids, () => serveMonitor(this.#context, exchange))
      default: return this.#files(exchange, ids, async () => { throw badRequest('The emulator serves /onedrive/v1.0.') })
    }
  }

  async #files (exchange: Exchange, ids: RequestIds, serve: () => Promise<Answer>): Promise<Answer> {
    return serve().catch((error: unknown) => toAnswer(error, 'files', ids, exchange.now()))
  }

  async #graph (incoming: Incoming, ids: RequestIds): Promise<Answer> {
    const { head } = incoming
    const now = incoming.now()
    try {
      const kind = authenticate(this.#context, head.headers, now)
      const route = routeGraph(head, placeOf(head.path).rest)
      const call: Call = {
        context: this.#context, incoming, headers: head.headers, query: new Query(head.query), route, by: identityOf(this.#context, kind), ids, now
      }
      refuseMe(this.#context, route, kind)
      const rate = route.operation === 'Batch' ? {} : this.#context.budget.spend(costName(call), now) // each part pays for itself
      const meant = pathMeant(this.#context, route)
      const answer = await HANDLERS[route.operation](call)
      const done = answer.status < 300 ? [{ operation: route.operation, key: meant }] : []
      return { done, ...answer, headers: { ...rate, ...answer.headers } }
    } catch (error) {
      return toAnswer(error, 'graph', ids, now)
    }
  }
}

function costName (call: Call): string {
  const { operation } = call.route
  return operation === 'Delta' && deltaTokenOf(call) !== undefined ? 'DeltaWithToken' : operation
}

function hostOf (area: string | undefined): Host {
  return area === 'graph' ? 'graph' : 'files'
}

function idHeaders ({ requestId, clientRequestId }: RequestIds): Record<string, string> {
  return { 'request-id': requestId, 'client-request-id': clientRequestId }
}

function toAnswer (error: unknown, host: Host, ids: RequestIds, now: number): Answer {
  if (error instanceof GraphError) return error.toAnswer(host, ids, now)
  throw error
}
