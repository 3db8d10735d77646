// Weights from the bytes of a safetensors file: eight bytes that hold the length of a header, the
// header (JSON: each tensor's type, shape and place), and the numbers.

const READERS = {
  F16: [2, (view, at) => half(view.getUint16(at, true))],
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F64: [8, (view, at) => view.getFloat64(at, true)],
};

// A number of half precision: one bit for the sign, five for the exponent, ten for the fraction.
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// { tensors: { name: { data, shape } }, metadata }; `Numbers` is the kind of array for the data.
function readSafetensors(bytes, Numbers = Float32Array) {
  const damaged = (what) => new Error(`The weights are damaged: ${what}.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8) throw damaged("there are fewer than eight bytes");
  const start = 8 + Number(view.getBigUint64(0, true));
  if (start > bytes.length) throw damaged("the header is longer than the file");
  let header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, start)));
  } catch {
    throw damaged("the header cannot be read");
  }
  const { __metadata__: metadata = {}, ...entries } = header, tensors = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(entries)) {
    if (!READERS[dtype]) throw new Error(`${name} is stored as ${dtype}; the engine reads F16, F32, F64.`);
    const [size, read] = READERS[dtype], data = new Numbers(product(shape));
    if (to - from !== size * data.length || start + to > bytes.length)
      throw damaged(`${name} is not whole`);
    for (let i = 0; i < data.length; i++) data[i] = read(view, start + from + size * i);
    if (!data.every(Number.isFinite)) throw damaged(`${name} holds numbers that are not finite`);
    tensors[name] = { data, shape };
  }
  return { tensors, metadata };
}

// The network in the bytes that `advtutor.live.pack` wrote: the metadata describe its layers.
function readNetwork(bytes, Numbers = Float32Array) {
  const { tensors, metadata } = readSafetensors(bytes, Numbers);
  if (!metadata.layers) throw new Error("The weights do not say of which layers: pack them with advtutor.live.pack.");
  return new Network(JSON.parse(metadata.layers), tensors, JSON.parse(metadata.shape));
}
