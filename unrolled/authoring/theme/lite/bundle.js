// Opens a bundle, many files as one (lite/bundle.py): [[name, bytes], …] of an answer that has it.
"use strict";

globalThis.unbundle = async (answer) => {
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`);
  const plain = answer.body.pipeThrough(new DecompressionStream("gzip"));
  const whole = new Uint8Array(await new Response(plain).arrayBuffer());
  let at = whole.indexOf(10) + 1;
  const told = JSON.parse(new TextDecoder().decode(whole.subarray(0, at)));
  return told.map(([name, size]) => [name, whole.subarray(at, (at += size))]);
};
