// What the configuration says about who may be whom. The names are those of the properties
// (operations.md); lists are split already.

export interface AuthOptions {
  /** `skipACL=yes`: no permission is checked; lists are still made good. */
  readonly skipACL: boolean;
  /** `DigestAuthenticationProvider.enabled`. */
  readonly digestEnabled: boolean;
  /** `DigestAuthenticationProvider.digestAlg`, a Java name such as `SHA1` or `SHA-256`. */
  readonly digestAlg: string;
  /** `DigestAuthenticationProvider.superDigest`: `super:<base64>`. */
  readonly superDigest: string | null;
  /** Whether the sasl provider is registered (`authProvider.N`), so that ids can be used. */
  readonly saslEnabled: boolean;
  readonly letAnySaslUserDoX: string | null;
  /** `superUser` and `superUser.*`. */
  readonly saslSuperUsers: readonly string[];
  /** Whether the x509 provider is registered: by name, or by a secure client port. */
  readonly x509Enabled: boolean;
  readonly x509SuperUser: string | null;
  /** Whether the ensemble provider is registered. */
  readonly ensembleEnabled: boolean;
  /** `ensembleAuthName`; null lets every name pass. */
  readonly ensembleAuthNames: readonly string[] | null;
  /** `enforce.auth.schemes` when enforced, `["sasl"]` for sessionRequireClientSASLAuth; or null. */
  readonly enforcedSchemes: readonly string[] | null;
}

export const DEFAULT_AUTH: AuthOptions = {
  skipACL: false,
  digestEnabled: true,
  digestAlg: "SHA1",
  superDigest: null,
  saslEnabled: false,
  letAnySaslUserDoX: null,
  saslSuperUsers: [],
  x509Enabled: false,
  x509SuperUser: null,
  ensembleEnabled: false,
  ensembleAuthNames: null,
  enforcedSchemes: null,
};
