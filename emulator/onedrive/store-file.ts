/** Bodies that are complete become files: the one place where names, conflicts and quota are decided. */
import { type Call, type Context, jsonAnswer } from './call.ts'
import type { Answer } from '../service.ts'
import type { Drive } from './drive.ts'
import { errorForStatus, invalidRequest, nameAlreadyExists, quotaLimitReached } from './errors.ts'
import { BodyHasher, hashContent } from './hashes.ts'
import type { Incoming } from './incoming.ts'
import { itemContext, itemJson } from './item-json.ts'
import { mimeTypeOf } from './mime.ts'
import { extensionOf, freeName, identity } from './names.ts'
import type { ConflictBehavior } from './sessions.ts'
import { type Body, currentVersion, type FileItem, type Folder, type Item, type ItemFacts, pathOf } from './tree.ts'

/** Libraries write properties into these. */
const ENRICHED: ReadonlySet<string> = new Set(['docx', 'docm', 'xlsx', 'xlsm', 'pptx', 'pptm', 'doc', 'xls', 'ppt', 'pdf', 'html', 'htm'])
const ENRICHMENT = Buffer.from('\n<!-- properties of the library: ContentTypeId 0x0101, docMetadata, MediaServiceImageTags -->\n'.repeat(40))

export interface Placement {
  drive: Drive
  folder: Folder
  name: string
  conflict: ConflictBehavior
}

export interface StoredFile {
  file: FileItem
  created: boolean
}

/** @throws {GraphError} 400 for what is none of the three */
export function readConflict (value: string | undefined, otherwise: ConflictBehavior): ConflictBehavior {
  if (value === undefined) return otherwise
  const behavior = (['fail', 'replace', 'rename'] as const).find(known => known === value.toLowerCase())
  if (behavior === undefined) throw invalidRequest(`Name conflict behavior: ${value} is not valid.`)
  return behavior
}

/** The name that an item gets in a folder. @throws {GraphError} 409 when it is taken and may not be replaced */
export function settleName (folder: Folder, name: string, conflict: ConflictBehavior, kind: Item['kind']): string {
  const existing = folder.children.get(identity(name))
  if (existing === undefined) return name
  if (conflict === 'rename') return freeName(name, kind === 'folder', candidate => folder.children.get(identity(candidate)) !== undefined)
  if (conflict === 'fail' || existing.kind !== kind) throw nameAlreadyExists()
  return existing.name
}

/**
 * Nothing waits between the decision and the write: of two racing creates one finds the other. Takes over the reference to
 * the content only when it returns.
 * @throws {GraphError} 409, 507
 */
export async function storeFile (context: Context, { drive, folder, name, conflict }: Placement, body: Body, facts: ItemFacts): Promise<StoredFile> {
  const settled = settleName(folder, name, conflict, 'file')
  checkQuota(context, drive, body.content.size)
  const existing = folder.children.get(identity(settled))
  if (existing?.kind !== 'file') return { file: await drive.createFile(folder, settled, body, facts), created: true }
  await drive.addVersion(existing, body, facts)
  return { file: existing, created: false }
}

/** @throws {GraphError} 507 */
export function checkQuota ({ quirks }: Context, drive: Drive, growth: number): void {
  if (drive.used + growth > quirks.quota) throw quotaLimitReached()
}

/** 201 with the item, or 200 when it replaced one. */
export async function storedAnswer (context: Context, drive: Drive, { file, created }: StoredFile, now: number): Promise<Answer> {
  const { enrichUploads } = context.quirks
  const enriched = enrichUploads !== false && ENRICHED.has(extensionOf(file.name))
  if (enriched && enrichUploads === 'at-once') await enrich(context, drive, file, now)
  const item = itemJson(context, drive, file, { now, downloadUrl: true, parentPath: true })
  const late = context.quirks.lateHashes ? { file: { mimeType: mimeTypeOf(file.name), hashes: {} } } : {}
  const answer = {
    ...jsonAnswer({ '@odata.context': itemContext(context, drive), ...item, ...late }, created ? 201 : 200),
    done: [{ operation: 'StoreFile', key: pathOf(file) }]
  }
  if (enriched && enrichUploads === 'after-answer') await enrich(context, drive, file, now)
  return answer
}

/** Streams the body of a simple upload into the content store. @throws {GraphError} 413 */
export async function receiveBody ({ contents, quirks }: Context, incoming: Incoming): Promise<Body> {
  const limit = quirks.smallUploadLimit
  if ((incoming.contentLength ?? 0) > limit) throw errorForStatus(413)
  const hasher = BodyHasher.start(quirks.hashes)
  const content = await contents.write(limited(incoming.body(), limit), [hasher])
  return { content, hashes: hasher.hashes() }
}

export function conflictInQuery ({ query }: Call): string | undefined {
  return query.get('@microsoft.graph.conflictBehavior') ?? query.get('@name.conflictBehavior')
}

async function enrich ({ contents, quirks }: Context, drive: Drive, file: FileItem, now: number): Promise<void> {
  const tail = await contents.write((async function * () { yield ENRICHMENT })())
  const content = contents.join([currentVersion(file).content, tail])
  contents.release(tail)
  await drive.rewrite(file, { content, hashes: (await hashContent(contents, content, quirks.hashes)).hashes() }, now)
}

async function * limited (source: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Buffer> {
  let size = 0
  for await (const chunk of source) {
    size += chunk.length
    if (size > limit) throw errorForStatus(413)
    yield chunk
  }
}
