export type { RuleVerdict } from './deep/rules.ts';
export { type DeepEndpoints, type DeepOptions, type DeepVerification, verifyDeep } from './deep/verify-deep.ts';
export { VERIFY_ERRORS, VerifyError } from './errors.ts';
export {
  type Verification,
  type VerifyEndpoints,
  type VerifyOptions,
  type VerifyProgress,
  verifyInstallation,
} from './verify-installation.ts';
