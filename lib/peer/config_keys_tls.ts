// Rows of the TLS keys (operations.md 1.8, quorum.md 10.1, client.md 9.1): the same settings once for
// clients and once for members.

import { bool, honoured, int, maybeOneOf, name, oneOf, text } from "./config_values.ts";

/** TLS settings exist twice, for clients (`ssl.`) and for members (`ssl.quorum.`). */
export function tlsKeys(prefix: "ssl" | "ssl.quorum") {
  const who = prefix === "ssl" ? "clients" : "members";
  const store = maybeOneOf("PEM", "PKCS12");
  const storeMore = {
    shown: "by the file's suffix",
    remark: "JKS and BCFKS stores must be converted to PEM or PKCS12",
  };
  return {
    keyStoreLocation: honoured(`${prefix}.keyStore.location`, name, null, "S", `keys for ${who}`),
    keyStorePassword: honoured(`${prefix}.keyStore.password`, text, "", "S", "its password", {
      secret: true,
    }),
    keyStorePasswordPath: honoured(
      `${prefix}.keyStore.passwordPath`,
      name,
      null,
      "S",
      "file with the password; wins over the literal one",
    ),
    keyStoreType: honoured(`${prefix}.keyStore.type`, store, null, "S", "its format", storeMore),
    trustStoreLocation: honoured(
      `${prefix}.trustStore.location`,
      name,
      null,
      "S",
      `certificates trusted of ${who}`,
    ),
    trustStorePassword: honoured(`${prefix}.trustStore.password`, text, "", "S", "its password", {
      secret: true,
    }),
    trustStorePasswordPath: honoured(
      `${prefix}.trustStore.passwordPath`,
      name,
      null,
      "S",
      "file with the password; wins over the literal one",
    ),
    trustStoreType: honoured(
      `${prefix}.trustStore.type`,
      store,
      null,
      "S",
      "its format",
      storeMore,
    ),
    protocol: honoured(
      `${prefix}.protocol`,
      maybeOneOf("TLS", "TLSv1.2", "TLSv1.3"),
      null,
      "S",
      "newest protocol",
      { shown: "TLSv1.3" },
    ),
    enabledProtocols: honoured(
      `${prefix}.enabledProtocols`,
      name,
      null,
      "S",
      "protocols, by comma",
      {
        shown: "from protocol",
      },
    ),
    cipherSuites: honoured(`${prefix}.ciphersuites`, name, null, "S", "cipher suites, by comma", {
      shown: "the runtime's",
      remark: "JDK names and OpenSSL names are understood",
    }),
    hostnameVerification: honoured(
      `${prefix}.hostnameVerification`,
      bool,
      true,
      "S",
      "check the names in certificates",
    ),
    clientHostnameVerification: honoured(
      `${prefix}.clientHostnameVerification`,
      bool,
      prefix === "ssl.quorum",
      "S",
      "also of the side that connects",
    ),
    clientAuth: honoured(
      `${prefix}.clientAuth`,
      oneOf("none", "want", "need"),
      "need",
      "S",
      "whether the side that connects must show a certificate",
    ),
    handshakeDetectionTimeoutMs: honoured(
      `${prefix}.handshakeDetectionTimeoutMillis`,
      int(0, 2147483647, "ms"),
      5000,
      "S",
      "how long a link may take to show whether it is TLS",
    ),
  };
}
