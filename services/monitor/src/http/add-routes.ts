import type { FastifyInstance } from '@tradestream/runtime';
import { addPageRoutes } from '../dashboard/page-routes.ts';
import { addRunbookRoutes } from '../dashboard/runbook-routes.ts';
import { requireRoles } from './access.ts';
import { type AuditRoutesOptions, addAuditRoutes } from './audit-routes.ts';
import { addCommandRoutes, type CommandRoutesOptions } from './command-routes.ts';
import { addDeadLetterRoutes, type DeadLetterRoutesOptions } from './dead-letter-routes.ts';
import { addJobRoutes, type JobRoutesOptions } from './job-routes.ts';
import { refuseOtherBodies } from './parameters.ts';
import { addProjectionRoutes, type ProjectionRoutesOptions } from './projection-routes.ts';
import { addRecoveryRoutes, type RecoveryRoutesOptions } from './recovery-routes.ts';
import { addReadRoutes, type ReadRoutesOptions } from './routes.ts';
import { addSilenceRoutes, type SilenceRoutesOptions } from './silence-routes.ts';

export type RoutesOptions = ReadRoutesOptions &
  CommandRoutesOptions &
  SilenceRoutesOptions &
  JobRoutesOptions &
  DeadLetterRoutesOptions &
  AuditRoutesOptions &
  RecoveryRoutesOptions &
  ProjectionRoutesOptions;

/** Every route of the monitor but those that each service has; one without a role ends the start. */
export function addRoutes(app: FastifyInstance, options: RoutesOptions): void {
  requireRoles(app);
  app.addHook('preHandler', refuseOtherBodies);
  addReadRoutes(app, options);
  addCommandRoutes(app, options);
  addPageRoutes(app);
  addRunbookRoutes(app);
  addSilenceRoutes(app, options);
  addJobRoutes(app, options);
  addDeadLetterRoutes(app, options);
  addAuditRoutes(app, options);
  addRecoveryRoutes(app, options);
  addProjectionRoutes(app, options);
}
