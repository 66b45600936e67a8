/**
 * MD5 of four buffers at once. Each step of MD5 waits for the one before it, so that one buffer leaves most of a core idle:
 * four in the lanes of 128-bit registers take less than half of the time that OpenSSL needs for one after the other, 0.5 s for a GiB
 * instead of 1.4. JavaScript has no such registers, WebAssembly has: its code is written here, step by step as in RFC 1321.
 */
export const LANES = 4

const BLOCK = 64
/** How much of a lane is taken into the module's memory at a time: four of them stay in a core's cache. */
const STRIDE = 64 * 1024
/** Behind the four words of the state, each of them four lanes wide. */
const DATA = 64
const INITIAL = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]

/** RFC 1321, 3.4: by how much the sum is rotated, and which word of the block is added, round by round. */
const ROTATIONS = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]]
const WORD_OF = [(step: number) => step, (step: number) => (5 * step + 1) % 16, (step: number) => (3 * step + 5) % 16, (step: number) => (7 * step) % 16]

/** Numbers of the WebAssembly specification, 5.4 and its SIMD part. */
const OP = { loop: 0x03, end: 0x0b, branchIf: 0x0d, get: 0x20, set: 0x21, tee: 0x22, const: 0x41, lessThan: 0x49, add: 0x6a, simd: 0xfd }
const SIMD = { load: 0, store: 11, const: 12, not: 77, or: 80, xor: 81, select: 82, loadLane: 86, loadFirst: 92, shiftLeft: 171, shiftRight: 173, add: 174 }

/** Locals: the length of a lane in bytes, where in it we are, a word on its way, the state, the block. */
const LENGTH = 0
const AT = 1
const SUM = 2
const STATE = 3
const WORDS = 7

/** What is used here of what every Node has, and which its types leave to the DOM's. */
interface Assembly {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { exports: { memory: { buffer: ArrayBuffer }, run: (length: number) => void } }
}

const { WebAssembly: assembly } = globalThis as unknown as { WebAssembly: Assembly }

/** Hashes `LANES` buffers of one length. One instance for one caller at a time. */
export class Md5Lanes {
  readonly #run: (length: number) => void
  readonly #memory: Buffer

  /** @throws {Error} this machine has no such registers. */
  constructor () {
    const { exports } = new assembly.Instance(new assembly.Module(Uint8Array.from(moduleBytes())))
    this.#run = exports.run
    this.#memory = Buffer.from(exports.memory.buffer)
  }

  /** One digest for each. @throws {RangeError} they differ in length, or are more than there are lanes. */
  digest (buffers: readonly Uint8Array[]): Buffer[] {
    const length = buffers[0]?.length ?? 0
    if (buffers.length > LANES || buffers.some(buffer => buffer.length !== length)) throw new RangeError(`Cannot hash together what is not ${LANES} buffers of one length`)
    for (const [index, word] of INITIAL.entries()) {
      for (let lane = 0; lane < LANES; lane++) this.#memory.writeUInt32LE(word, index * 16 + lane * 4)
    }
    const whole = length - length % BLOCK
    for (let start = 0; start < whole; start += STRIDE) {
      const size = Math.min(STRIDE, whole - start)
      for (const [lane, buffer] of buffers.entries()) this.#memory.set(buffer.subarray(start, start + size), DATA + lane * STRIDE)
      this.#run(size)
    }
    this.#runLast(buffers.map(buffer => buffer.subarray(whole)), length)
    return buffers.map((_, lane) => this.#digestOf(lane))
  }

  /** RFC 1321, 3.1 and 3.2: a one, zeros, and the length in bits. */
  #runLast (rests: readonly Uint8Array[], length: number): void {
    const size = length % BLOCK < BLOCK - 8 ? BLOCK : 2 * BLOCK
    for (const [lane, rest] of rests.entries()) {
      const padded = this.#memory.subarray(DATA + lane * STRIDE, DATA + lane * STRIDE + size).fill(0)
      padded.set(rest)
      padded[rest.length] = 0x80
      padded.writeBigUInt64LE(BigInt(length) * 8n, size - 8)
    }
    this.#run(size)
  }

  #digestOf (lane: number): Buffer {
    const digest = Buffer.alloc(16)
    for (let index = 0; index < 4; index++) this.#memory.copy(digest, index * 4, index * 16 + lane * 4, index * 16 + lane * 4 + 4)
    return digest
  }
}

/** A module with a memory and the function `run(length)`. */
function moduleBytes (): number[] {
  const body = [2, 1, 0x7f, 1 + 4 + 16, 0x7b, ...code()] // Locals: one i32, the others v128.
  return [
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 1, 0x7f, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, Math.ceil((DATA + LANES * STRIDE) / 65_536)]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('run'), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body])
  ]
}

function code (): number[] {
  const each = [0, 1, 2, 3]
  return [
    ...each.flatMap(index => [...number(0), ...simd(SIMD.load, ...address(index * 16)), ...set(STATE + index)]),
    OP.loop, 0x40,
    ...Array.from({ length: 16 }, (_, word) => loadWord(word)).flat(),
    ...Array.from({ length: BLOCK }, (_, step) => stepOf(step)).flat(),
    ...each.flatMap(index => [
      ...number(0), ...get(STATE + index), ...number(0), ...simd(SIMD.load, ...address(index * 16)),
      ...simd(SIMD.add), OP.tee, STATE + index, ...simd(SIMD.store, ...address(index * 16))
    ]),
    ...get(AT), ...number(BLOCK), OP.add, OP.tee, AT, ...get(LENGTH), OP.lessThan, OP.branchIf, 0,
    OP.end, OP.end
  ]
}

/** The same word of the block of each lane. */
function loadWord (word: number): number[] {
  const at = (lane: number): number[] => address(DATA + lane * STRIDE + word * 4)
  return [
    ...get(AT), ...get(AT), ...get(AT), ...get(AT), ...simd(SIMD.loadFirst, ...at(0)),
    ...[1, 2, 3].flatMap(lane => simd(SIMD.loadLane, ...at(lane), lane)),
    ...set(WORDS + word)
  ]
}

/** `a = b + ((a + F(b, c, d) + word + constant) <<< rotation)`; the letters move on by one with each step. */
function stepOf (step: number): number[] {
  const round = step >> 4
  const letter = (index: number): number => STATE + (index + 64 - step) % 4
  const [a, b, c, d] = [letter(0), letter(1), letter(2), letter(3)]
  const word = WORDS + (WORD_OF[round]?.(step) ?? 0)
  const rotation = ROTATIONS[round]?.[step % 4] ?? 0
  const constant = Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32)
  const bytes = [constant & 255, constant >>> 8 & 255, constant >>> 16 & 255, constant >>> 24]
  return [
    ...get(a), ...get(word), ...simd(SIMD.const, ...bytes, ...bytes, ...bytes, ...bytes), ...simd(SIMD.add), ...simd(SIMD.add),
    ...mixed(round, b, c, d), ...simd(SIMD.add), OP.tee, SUM,
    ...number(rotation), ...simd(SIMD.shiftLeft), ...get(SUM), ...number(32 - rotation), ...simd(SIMD.shiftRight), ...simd(SIMD.or),
    ...get(b), ...simd(SIMD.add), ...set(a)
  ]
}

/** F, G, H and I of the RFC; the first two choose bit by bit. */
function mixed (round: number, b: number, c: number, d: number): number[] {
  if (round === 0) return [...get(c), ...get(d), ...get(b), ...simd(SIMD.select)]
  if (round === 1) return [...get(b), ...get(c), ...get(d), ...simd(SIMD.select)]
  if (round === 2) return [...get(b), ...get(c), ...simd(SIMD.xor), ...get(d), ...simd(SIMD.xor)]
  return [...get(c), ...get(b), ...get(d), ...simd(SIMD.not), ...simd(SIMD.or), ...simd(SIMD.xor)]
}

function get (local: number): number[] {
  return [OP.get, local]
}

function set (local: number): number[] {
  return [OP.set, local]
}

function simd (operation: number, ...operands: number[]): number[] {
  return [OP.simd, ...unsigned(operation), ...operands]
}

/** Alignment of four bytes, offset. */
function address (offset: number): number[] {
  return [2, ...unsigned(offset)]
}

/** Signed numbers below 64 are one byte; 64 is two. */
function number (value: number): number[] {
  return [OP.const, ...(value < 64 ? [value] : [value | 0x80, 0])]
}

/** LEB128. */
function unsigned (value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...unsigned(value >>> 7)]
}

function name (text: string): number[] {
  return [text.length, ...Buffer.from(text)]
}

function section (id: number, bytes: number[]): number[] {
  return [id, ...unsigned(bytes.length), ...bytes]
}
