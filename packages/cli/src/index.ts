export { type ExamineOptions, examine } from './doctor/examine.ts';
export type { Finding } from './doctor/finding.ts';
export type { PartEndpoints } from './find-endpoints.ts';
