/** CopyItem: the work is done behind a monitor, and what goes wrong is told there. */
import type { Answer } from '../service.ts'
import { type Call, type Context, factsOf } from './call.ts'
import type { Drive } from './drive.ts'
import { GraphError, invalidRequest, itemNotFound } from './errors.ts'
import { objectIn, readJson, textIn } from './incoming.ts'
import { MAX_COPY_ITEMS } from './limits.ts'
import { monitorUrl } from './monitor.ts'
import { checkName, identity } from './names.ts'
import { checkPath, resolveItem, resolveParent } from './resolve.ts'
import type { ConflictBehavior } from './sessions.ts'
import { checkQuota, conflictInQuery, readConflict, settleName } from './store-file.ts'
import { currentVersion, type FileItem, type Folder, isWithin, type Item, type ItemFacts, namesOf, sizeOf, subtree } from './tree.ts'

interface CopyPlan {
  from: Drive
  item: Item
  to: Drive
  folder: Folder
  name: string
  conflict: ConflictBehavior
  /** All versions instead of the last one. */
  history: boolean
  /** What is in the folder, instead of the folder. */
  childrenOnly: boolean
}

export async function copyItem (call: Call): Promise<Answer> {
  const { context, now } = call
  const plan = await readPlan(call)
  checkPlan(plan)
  const facts = factsOf(call)
  const job = context.jobs.start('ItemCopy', async () => {
    const copy = await runPlan(context, plan, facts)
    return { driveId: plan.to.id, resourceId: copy.id }
  }, now)
  return { status: 202, headers: { Location: monitorUrl(context, job.id) } }
}

async function readPlan (call: Call): Promise<CopyPlan> {
  const json = await readJson(call.incoming)
  const { drive, item } = await resolveItem(call)
  if (item.parent === undefined) throw invalidRequest('The root folder cannot be copied.')
  const reference = objectIn(json, 'parentReference') ?? {}
  const to = findDrive(call, drive, textIn(reference, 'driveId'))
  const [id, path, name] = [textIn(reference, 'id'), textIn(reference, 'path'), textIn(json, 'name')]
  const childrenOnly = json['childrenOnly'] === true
  if (childrenOnly && (name !== undefined || item.kind === 'file')) throw invalidRequest('childrenOnly copies what is in a folder and takes no name.')
  return {
    from: drive,
    item,
    to,
    folder: id === undefined && path === undefined ? item.parent : resolveParent(to, { id, path }),
    name: name ?? item.name,
    // Personal drives do not look at the query.
    conflict: drive.flavour === 'personal' ? 'fail' : readConflict(conflictInQuery(call), 'fail'),
    history: json['includeAllVersionHistory'] === true && name === undefined,
    childrenOnly
  }
}

function findDrive ({ context }: Call, own: Drive, driveId: string | undefined): Drive {
  const drive = driveId === undefined ? own : context.drives.byId(driveId)
  if (drive === undefined) throw itemNotFound('The drive of the destination could not be found.')
  return drive
}

function checkPlan ({ item, to, folder, name }: CopyPlan): void {
  checkName(name, { flavour: to.flavour, folder: item.kind === 'folder', atRoot: folder.parent === undefined })
  checkPath(to, [...namesOf(folder), name])
  if (item.kind === 'folder' && isWithin(folder, item)) throw invalidRequest('A folder cannot be copied into itself.', 'cannotSnapshotTree')
}

async function runPlan (context: Context, plan: CopyPlan, facts: ItemFacts): Promise<Item> {
  const { item, to, folder } = plan
  if (to.get(folder.id) === undefined) throw itemNotFound('The destination could not be found.')
  if ([...subtree(item)].length > MAX_COPY_ITEMS) throw new GraphError(400, 'notAllowed', `More than ${MAX_COPY_ITEMS} items cannot be copied at once.`)
  checkQuota(context, to, sizeOf(item))
  if (!plan.childrenOnly || item.kind === 'file') return copyInto(context, plan, item, folder, plan.name, facts)
  for (const child of item.children.values()) await copyInto(context, plan, child, folder, child.name, facts)
  return folder
}

async function copyInto (context: Context, plan: CopyPlan, item: Item, folder: Folder, name: string, facts: ItemFacts): Promise<Item> {
  const settled = settleName(folder, name, plan.conflict, item.kind)
  const existing = folder.children.get(identity(settled))
  if (item.kind === 'file') {
    if (existing !== undefined) await plan.to.remove(existing, facts.now, { recycle: false }) // and its history with it
    return copyFile(context, plan, item, folder, settled, facts)
  }
  if (existing !== undefined) throw new GraphError(409, 'nameAlreadyExists', 'Only files can be replaced.')
  const copy = await plan.to.createFolder(folder, settled, facts)
  for (const child of item.children.values()) await copyInto(context, plan, child, copy, child.name, facts)
  return copy
}

async function copyFile ({ contents }: Context, { to, history }: CopyPlan, file: FileItem, folder: Folder, name: string, facts: ItemFacts): Promise<FileItem> {
  const versions = history ? file.versions : [currentVersion(file)]
  let copy: FileItem | undefined
  for (const { content, hashes } of versions) {
    const body = { content: contents.retain(content), hashes }
    if (copy === undefined) copy = await to.createFile(folder, name, body, { ...facts, times: file.times })
    else await to.addVersion(copy, body, { ...facts, times: file.times })
  }
  return copy as FileItem
}
