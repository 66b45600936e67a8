import { invalidRequest } from './errors.ts'
import { isObject, type Json } from './incoming.ts'
import type { Flavour } from './quirks.ts'
import type { FileTimes } from './tree.ts'

/** SharePoint keeps whole seconds, personal drives milliseconds. */
export function formatTime (time: number, flavour: Flavour): string {
  return flavour === 'personal' ? new Date(time).toISOString() : `${new Date(time).toISOString().slice(0, 19)}Z`
}

/** `fileSystemInfo` of a request. @throws {GraphError} 400 */
export function readTimes (json: Json): Partial<FileTimes> | undefined {
  const facet = json['fileSystemInfo']
  if (facet === undefined || facet === null) return undefined
  if (!isObject(facet)) throw invalidRequest('The value of fileSystemInfo must be an object')
  return {
    ...timeIn(facet, 'createdDateTime', 'created'),
    ...timeIn(facet, 'lastModifiedDateTime', 'modified')
  }
}

function timeIn (facet: Json, name: string, field: keyof FileTimes): Partial<FileTimes> {
  const value = facet[name]
  if (value === undefined || value === null) return {}
  const time = typeof value === 'string' ? Date.parse(value) : NaN
  if (Number.isNaN(time)) throw invalidRequest(`The value of ${name} must be a date`)
  return { [field]: time }
}
