export { type ExamineOptions, examine } from './doctor/examine.ts';
export type { Finding } from './doctor/finding.ts';
export type { PartEndpoints } from './find-endpoints.ts';
export type { RuleVerdict } from './verify/deep/rules.ts';
export {
  type DeepEndpoints,
  type DeepOptions,
  type DeepVerification,
  verifyDeep,
} from './verify/deep/verify-deep.ts';
export {
  type Verification,
  type VerifyEndpoints,
  type VerifyOptions,
  type VerifyProgress,
  verifyInstallation,
} from './verify/verify-installation.ts';
