import { inspect } from 'node:util'

/** The checks that every transform makes before it exists. `action` begins the message: `create chunker`. */

export function checkPositiveInteger (action: string, name: string, value: number): void {
  checkNumber(action, name, value, 'a positive integer')
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(optionMessage(action, name, 'a positive integer', value))
}

export function checkSize (action: string, name: string, value: number): void {
  checkNumber(action, name, value, 'a non-negative integer')
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(optionMessage(action, name, 'a non-negative integer', value))
}

export function checkPositive (action: string, name: string, value: number): void {
  checkNumber(action, name, value, 'a positive number')
  if (!Number.isFinite(value) || value <= 0) throw new RangeError(optionMessage(action, name, 'a positive number', value))
}

export function checkBoolean (action: string, name: string, value: boolean): void {
  if (typeof value !== 'boolean') throw new TypeError(optionMessage(action, name, 'a boolean', value))
}

export function checkSignal (action: string, signal: AbortSignal | undefined): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(optionMessage(action, 'signal', 'an AbortSignal', signal))
  }
}

export function optionMessage (action: string, name: string, wanted: string, received: unknown): string {
  return `Cannot ${action} as ${name} must be ${wanted}: received ${inspect(received, { depth: 0, breakLength: Infinity })}`
}

function checkNumber (action: string, name: string, value: unknown, wanted: string): void {
  if (typeof value !== 'number') throw new TypeError(optionMessage(action, name, wanted, value))
}
