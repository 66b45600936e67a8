/** Small pieces that the wire files of all clouds read answers and write messages with. */

/** A key or path for messages. */
export function quote (name: string): string {
  return JSON.stringify(name)
}

/** An etag as it is compared: with its quotes, whether or not the service wrote them. */
export function normalizeEtag (etag: string): string {
  return etag === '' || etag.startsWith('"') || etag.startsWith('W/') || etag === '*' ? etag : `"${etag}"`
}

export function readDate (text: string | undefined): Date | undefined {
  const time = Date.parse(text ?? '')
  return Number.isNaN(time) ? undefined : new Date(time)
}
