import { writeFileSync } from 'node:fs';
import { goldenMessages, productBytes } from './golden-messages.ts';

/* Writes the product's bytes of each message, for Apache Avro's library to decode: see make-golden.java. */

const lines = goldenMessages().map((golden) => `  ${JSON.stringify(golden.name)}: "${productBytes(golden)}"`);
writeFileSync(new URL('product-bytes.json', import.meta.url), `{\n${lines.join(',\n')}\n}\n`);
