/**
 * Delta: items in the order of their last change, from a position in the drive's change log. A token is that position; it
 * stays good as long as nobody ends its generation.
 */
import type { Answer } from '../service.ts'
import { type Call, type Context, jsonAnswer } from './call.ts'
import type { Drive } from './drive.ts'
import { errorForStatus, GraphError, invalidRequest, notSupported } from './errors.ts'
import { goneJson, itemContext, type ItemJson } from './item-json.ts'
import { resolveFolder } from './resolve.ts'
import { ancestorsOf, type Folder, isWithin, type Item } from './tree.ts'
import { readTop, refuseOptions, select, viewItem } from './view.ts'

interface Position {
  drive: string
  generation: number
  /** Changes up to this sequence number have been told. */
  since: number
  /** Where the log stood when a first enumeration began; what was deleted before then was never there. */
  start?: number
  /** The empty page has been sent. */
  pastEmpty?: true
}

interface Scope {
  drive: Drive
  folder: Folder
}

interface Page {
  value: ItemJson[]
  position: Position
  more: boolean
}

export async function delta (call: Call): Promise<Answer> {
  refuseOptions(call.query)
  const { drive, folder } = await resolveFolder(call)
  if (drive.flavour === 'business' && folder !== drive.root) throw notSupported('Delta is served on the root of a drive only.')
  const position = readPosition(call, drive)
  if (position.generation !== call.context.deltaGeneration) throw resyncRequired(call, drive)
  return deltaAnswer(call, drive, pageFrom(call, { drive, folder }, position))
}

/** The token of a request, whichever way it came. */
export function deltaTokenOf ({ query, route }: Pick<Call, 'query' | 'route'>): string | undefined {
  return route.argument ?? query.option('token')
}

function readPosition (call: Call, drive: Drive): Position {
  const token = deltaTokenOf(call)
  const fresh = { drive: drive.id, generation: call.context.deltaGeneration }
  if (token === undefined || token === '') return { ...fresh, since: 0, start: drive.log.last }
  if (token === 'latest') return { ...fresh, since: drive.log.last }
  const time = /^\d{4}-\d\d-\d\dT/.test(token) ? Date.parse(token) : NaN
  if (!Number.isNaN(time) && drive.flavour === 'business') return { ...fresh, since: drive.log.sequenceAt(time) }
  return parseToken(token, drive)
}

function parseToken (token: string, drive: Drive): Position {
  let position: Position | undefined
  try {
    position = JSON.parse(Buffer.from(token, 'base64url').toString()) as Position
  } catch {
    position = undefined
  }
  if (typeof position?.since !== 'number' || position.drive !== drive.id) throw invalidRequest('The provided token is not valid.')
  return position
}

function pageFrom (call: Call, scope: Scope, position: Position): Page {
  if (call.context.quirks.emptyDeltaPages && position.pastEmpty === undefined) return { value: [], position: { ...position, pastEmpty: true }, more: true }
  const top = readTop(call.query)
  const page = new PageBuilder(call, scope)
  let since = position.since
  for (const { sequence, id } of scope.drive.log.after(position.since)) {
    if (page.size >= top) return page.end({ ...position, since }, true)
    page.add(id, position.start)
    since = sequence
  }
  const { start, pastEmpty, ...rest } = position
  return page.end({ ...rest, since: Math.max(since, scope.drive.log.last) }, false)
}

/** Gathers entries, each after all of its ancestors; these do not count against `$top`. */
class PageBuilder {
  readonly #call: Call
  readonly #scope: Scope
  readonly #value: ItemJson[] = []
  readonly #told = new Set<string>()
  readonly #withAncestors: boolean
  size = 0

  constructor (call: Call, scope: Scope) {
    this.#call = call
    this.#scope = scope
    this.#withAncestors = call.headers['deltaexcludeparent']?.toLowerCase() !== 'true'
  }

  add (id: string, start: number | undefined): void {
    const item = this.#scope.drive.get(id)
    if (item === undefined) this.#addGone(id, start)
    else if (isWithin(item, this.#scope.folder)) this.#addItem(item)
  }

  end (position: Position, more: boolean): Page {
    const [first] = this.#value
    if (this.#call.context.quirks.repeatedDeltaEntries && first !== undefined) this.#value.push(first)
    return { value: this.#value, position, more }
  }

  #addItem (item: Item): void {
    this.#tell(this.#scope.folder)
    const ancestors = this.#withAncestors ? ancestorsOf(item).filter(ancestor => isWithin(ancestor, this.#scope.folder)) : []
    for (const ancestor of ancestors.reverse()) this.#tell(ancestor)
    this.#tell(item)
    this.size++
  }

  #tell (item: Item): void {
    if (this.#told.has(item.id)) return
    this.#told.add(item.id)
    this.#value.push(viewItem(this.#call, this.#scope.drive, item, { downloadUrl: false, parentPath: false }))
  }

  #addGone (id: string, start: number | undefined): void {
    const { drive, folder } = this.#scope
    const gone = drive.gone.get(id)
    if (gone === undefined || !gone.ancestors.includes(folder.id)) return
    if (start !== undefined && (gone.change <= start || this.#call.context.quirks.forgetfulDelta)) return
    this.#value.push(select(goneJson(this.#call.context, drive, gone), this.#call.query))
    this.size++
  }
}

function deltaAnswer (call: Call, drive: Drive, { value, position, more }: Page): Answer {
  return jsonAnswer({
    '@odata.context': itemContext(call.context, drive, 'items'),
    [more ? '@odata.nextLink' : '@odata.deltaLink']: deltaLink(call, position),
    value
  })
}

function deltaLink ({ context, incoming }: Call, position: Position): string {
  const { path, query } = incoming.head
  const kept = query.split('&').filter(part => part !== '' && !/^(?:\$|%24)?token=/i.test(part))
  const token = Buffer.from(JSON.stringify(position)).toString('base64url')
  return `${context.graphOrigin}${path.replace(/delta\([^/]*$/, 'delta')}?${[...kept, `token=${token}`].join('&')}`
}

/** `Location` is where to start over. */
function resyncRequired (call: Call, drive: Drive): GraphError {
  const position: Position = { drive: drive.id, generation: call.context.deltaGeneration, since: 0, start: drive.log.last }
  const usual = errorForStatus(410)
  return new GraphError(410, usual.code, usual.message, { inner: call.context.resync, headers: { Location: deltaLink(call, position) } })
}

/** Ends all tokens given out so far. */
export function endDeltaTokens (context: Context, resync: Context['resync']): void {
  context.deltaGeneration++
  context.resync = resync
}
