/** Returns `value`, or throws a `RangeError` that names it. */
export function positiveInteger (name: string, value: number): number {
  return integerFrom(1, name, value)
}

export function wholeNumber (name: string, value: number): number {
  return integerFrom(0, name, value)
}

function integerFrom (least: number, name: string, value: number): number {
  if (typeof value !== 'number') throw new TypeError(`Cannot open a stream as ${name} must be a number: received ${typeof value}`)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new RangeError(`Cannot open a stream as ${name} must be a whole number of at least ${least}: received ${value}`)
}
