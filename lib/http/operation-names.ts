import type { OperationDescription } from './call.ts'

export type OperationWords = Omit<OperationDescription, 'name' | 'span'>

/** Describes the operations of one cloud: spans are `<prefix>.<name in snake case>` unless given. */
export function operationNames (prefix: string): (name: string, words: OperationWords, span?: string) => OperationDescription {
  return (name, words, span = snakeCase(name)) => ({ name, span: `${prefix}.${span}`, ...words })
}

export function snakeCase (name: string): string {
  return name.replace(/\B[A-Z]/g, letter => `_${letter}`).toLowerCase()
}
