/** Reading JSON that others wrote: a value of another type than expected counts as absent. */
export type JsonObject = Record<string, unknown>

export function objectOf (value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as JsonObject : undefined
}

export function textOf (value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function numberOf (value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

export function dateOf (value: unknown): Date | undefined {
  const time = Date.parse(textOf(value) ?? '')
  return Number.isNaN(time) ? undefined : new Date(time)
}

export function listOf (value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

/** The object that a text holds; undefined where it holds none. */
export function parseObject (text: string): JsonObject | undefined {
  try {
    return objectOf(JSON.parse(text))
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Without the entries that are undefined. */
export function defined<T extends object> (values: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [Name in keyof T]?: Exclude<T[Name], undefined> }
}
