import { batch } from './batch.ts'
import type { Handler } from './call.ts'
import { createFolder, listChildren } from './children.ts'
import { getContent, putContent } from './content.ts'
import { copyItem } from './copy.ts'
import { delta } from './delta.ts'
import { deleteItem, getItem, permanentDelete, updateItem } from './items.ts'
import { getDrive, getSite, getUser, listDrives } from './owners.ts'
import type { Operation } from './route.ts'
import { search } from './search.ts'
import { createUploadSession, finishUpload } from './upload-session.ts'
import { deleteVersion, getVersion, getVersionContent, listVersions, restoreVersion } from './versions.ts'

/** All of Graph that is served, by the name of the operation. */
export const HANDLERS: Readonly<Record<Operation, Handler>> = {
  GetUser: getUser,
  GetSite: getSite,
  GetDrive: getDrive,
  ListDrives: listDrives,
  GetItem: getItem,
  UpdateItem: updateItem,
  DeleteItem: deleteItem,
  PermanentDelete: permanentDelete,
  GetContent: getContent,
  PutContent: putContent,
  ListChildren: listChildren,
  CreateFolder: createFolder,
  CreateUploadSession: createUploadSession,
  FinishUpload: finishUpload,
  CopyItem: copyItem,
  Delta: delta,
  Search: search,
  ListVersions: listVersions,
  GetVersion: getVersion,
  DeleteVersion: deleteVersion,
  GetVersionContent: getVersionContent,
  RestoreVersion: restoreVersion,
  Batch: batch
}
