// Who a client is and what it may do: pure functions of bytes and options (client.md 5).

export { fixup, idsBytes, idsRoom, lacksId, maskDigest, Perm, permits } from "./acl.ts";
export { ipIdOf } from "./ip.ts";
export { type AuthOptions, DEFAULT_AUTH } from "./options.ts";
export {
  authenticate,
  type Authenticated,
  checkAuthOptions,
  digestIdOf,
  isEnough,
  isValidId,
  saslIds,
  userNameOf,
  withIds,
  x509Ids,
} from "./schemes.ts";
