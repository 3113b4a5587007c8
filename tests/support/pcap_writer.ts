// Writes packet files without the segments that say nothing: an acknowledgement with no payload and
// no flag takes half of a recording, and no byte stream depends on it. The rest stays as captured.

/** A copy of a classic little-endian pcap file of IPv4 over Ethernet, without bare acknowledgements. */
export function withoutBareAcks(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const kept: Uint8Array[] = [file.subarray(0, 24)];
  for (let at = 24; at < file.length;) {
    const end = at + 16 + view.getUint32(at + 8, true);
    if (!isBareAck(view, at + 16)) kept.push(file.subarray(at, end));
    at = end;
  }
  return new Uint8Array(Buffer.concat(kept));
}

function isBareAck(view: DataView, frame: number): boolean {
  const ip = frame + 14;
  const tcp = ip + (view.getUint8(ip) & 15) * 4;
  const data = tcp + (view.getUint8(tcp + 12) >> 4) * 4;
  const hasPayload = data < ip + view.getUint16(ip + 2);
  const flags = view.getUint8(tcp + 13) & (1 | 2 | 4); // FIN, SYN, RST
  return !hasPayload && flags === 0;
}
