import type { OptionSpecs } from './arguments.ts';
import type { CommandText } from './command-text.ts';

const WIDTH = 92;

/** The help of one command. */
export function commandHelp(command: CommandText): string {
  const { name, description, operands, options, examples } = command;
  const usage = ['bucketstreams', name, operands?.name, '[options]'].filter(Boolean).join(' ');
  const shown = examples.map((line) => `  ${line}\n`).join('');
  return `Usage: ${usage}\n\n${wrap(description, 0)}\n\nOptions:\n${optionLines(options)}\nFor example:\n${shown}`;
}

/** The help of the program. */
export function programHelp(
  commands: readonly { readonly name: string; readonly summary: string }[],
): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands
    .map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}\n`)
    .join('');
  return `Usage: bucketstreams COMMAND [options]

An LXD and Incus image server made of a directory or an S3 bucket.

Commands:
${lines}
Every command that touches a store takes --store URL: file:./data for a directory, or
s3://bucket?region=…&endpoint=https://… for a bucket. Without it BUCKETSTREAMS_STORE counts, then
bucketstreams.toml, then file:./data.

Exit codes: 0 done; 1 the check or operation failed; 2 usage or configuration; 3 the store
cannot be reached or denies access.

\`bucketstreams COMMAND --help\` tells more; \`bucketstreams --version\` prints the version.

For example:
  bucketstreams serve --store file:./data
  bucketstreams list
`;
}

function optionLines(options: OptionSpecs): string {
  const rows = Object.entries(options).map(([name, { short, value, type, multiple, help }]) => {
    const head = `  ${short ? `-${short}, ` : ''}--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`;
    return `${head}${multiple ? ' …' : ''}\n${wrap(help, 6)}\n`;
  });
  return rows.join('');
}

function wrap(text: string, indent: number): string {
  const pad = ' '.repeat(indent);
  return text
    .split('\n\n')
    .map((paragraph) => {
      const lines: string[] = [];
      let line = '';
      for (const word of paragraph.split(/\s+/).filter(Boolean)) {
        if (line !== '' && indent + line.length + 1 + word.length > WIDTH) {
          lines.push(pad + line);
          line = word;
        } else line = line === '' ? word : `${line} ${word}`;
      }
      return [...lines, pad + line].join('\n');
    })
    .join('\n\n');
}
