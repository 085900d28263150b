import { headerText } from '@tradestream/contracts';
import type { LogRecord } from '@tradestream/messaging';

/** The id in a record's CloudEvents header, read alone where the log can. */
export function idHeaderOf(record: LogRecord): string | null {
  return record.headerText === undefined ? headerText(record.headers, 'ce_id') : record.headerText('ce_id');
}
