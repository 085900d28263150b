export {
  type Verification,
  type VerifyEndpoints,
  type VerifyOptions,
  type VerifyProgress,
  verifyInstallation,
} from './verify/verify-installation.ts';
