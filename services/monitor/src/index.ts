/** What is shipped for those who scrape its `/metrics`, and the rules that it is made from. */
export { grafanaDashboard } from './alerts/grafana-dashboard.ts';
export { prometheusRules } from './alerts/prometheus-rules.ts';
export { RULES } from './alerts/rules.ts';
/** The configuration of the monitor, for its generated documentation and for those who start it. */
export { MONITOR_SPEC } from './config.ts';
/** Errors that the monitor raises. */
export { MONITOR_ERRORS } from './errors.ts';
/** The figures on its `/metrics`, for their generated table. */
export { FIGURES } from './figures/figure.ts';
