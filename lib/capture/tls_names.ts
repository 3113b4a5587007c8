// Names of TLS numbers that ZooKeeper deployments meet, and the names inside a certificate: as much
// DER as it takes to find the common names of subject and issuer.

const VERSIONS: Readonly<Record<number, string>> = {
  0x0300: "SSL 3.0",
  0x0301: "TLS 1.0",
  0x0302: "TLS 1.1",
  0x0303: "TLS 1.2",
  0x0304: "TLS 1.3",
};

const CIPHERS: Readonly<Record<number, string>> = {
  0x1301: "TLS_AES_128_GCM_SHA256",
  0x1302: "TLS_AES_256_GCM_SHA384",
  0x1303: "TLS_CHACHA20_POLY1305_SHA256",
  0xc02b: "ECDHE-ECDSA-AES128-GCM-SHA256",
  0xc02c: "ECDHE-ECDSA-AES256-GCM-SHA384",
  0xc02f: "ECDHE-RSA-AES128-GCM-SHA256",
  0xc030: "ECDHE-RSA-AES256-GCM-SHA384",
  0xcca8: "ECDHE-RSA-CHACHA20-POLY1305",
  0xcca9: "ECDHE-ECDSA-CHACHA20-POLY1305",
  0xc023: "ECDHE-ECDSA-AES128-SHA256",
  0xc024: "ECDHE-ECDSA-AES256-SHA384",
  0xc027: "ECDHE-RSA-AES128-SHA256",
  0xc028: "ECDHE-RSA-AES256-SHA384",
  0xc009: "ECDHE-ECDSA-AES128-SHA",
  0xc00a: "ECDHE-ECDSA-AES256-SHA",
  0xc013: "ECDHE-RSA-AES128-SHA",
  0xc014: "ECDHE-RSA-AES256-SHA",
  0x009c: "AES128-GCM-SHA256",
  0x009d: "AES256-GCM-SHA384",
  0x003c: "AES128-SHA256",
  0x003d: "AES256-SHA256",
  0x002f: "AES128-SHA",
  0x0035: "AES256-SHA",
};

const ALERTS: Readonly<Record<number, string>> = {
  0: "close notify",
  10: "unexpected message",
  20: "bad record MAC",
  40: "handshake failure",
  42: "bad certificate",
  43: "unsupported certificate",
  44: "certificate revoked",
  45: "certificate expired",
  46: "certificate unknown",
  47: "illegal parameter",
  48: "unknown CA",
  49: "access denied",
  50: "decode error",
  51: "decrypt error",
  70: "protocol version",
  71: "insufficient security",
  80: "internal error",
  86: "inappropriate fallback",
  112: "unrecognized name",
  116: "certificate required",
  120: "no application protocol",
};

const hex4 = (number: number): string => `0x${number.toString(16).padStart(4, "0")}`;

export const versionName = (version: number): string => VERSIONS[version] ?? hex4(version);
export const cipherName = (cipher: number): string => CIPHERS[cipher] ?? hex4(cipher);
export const alertName = (level: number, code: number): string =>
  `${level === 2 ? "fatal" : "warning"}: ${ALERTS[code] ?? `alert ${code}`}`;

/** OBJECT IDENTIFIER 2.5.4.3, common name. */
const COMMON_NAME = [0x06, 0x03, 0x55, 0x04, 0x03];

/**
 * Common names in the first certificate of a Certificate message (TLS 1.2 and older): the subject
 * first, then the issuer when it has another name. In a certificate the issuer stands before.
 */
export function commonNames(body: Uint8Array): string[] {
  if (body.length < 6) return [];
  const length = (body[3] << 16) | (body[4] << 8) | body[5];
  const certificate = body.subarray(6, 6 + length);
  const names: string[] = [];
  for (let at = 0; at + COMMON_NAME.length + 2 < certificate.length && names.length < 2; at++) {
    if (!COMMON_NAME.every((byte, i) => certificate[at + i] === byte)) continue;
    const start = at + COMMON_NAME.length + 2;
    names.push(
      new TextDecoder().decode(certificate.subarray(start, start + certificate[start - 1])),
    );
  }
  return [...new Set(names.reverse())];
}
