import { Argument } from 'commander';

import { ConsoleCommand, examples, type ProgramRun } from '../console/command.ts';

export function completionCommand(run: ProgramRun) {
  return new ConsoleCommand('completion', run)
    .description(
      'Prints a script with which a shell completes the commands and options of `bucketstreams` at the TAB key. The shell must find the program by that name.',
    )
    .addArgument(new Argument('<SHELL>').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      examples(
        'source <(bucketstreams completion bash)      # in ~/.bashrc',
        'source <(bucketstreams completion zsh)       # in ~/.zshrc, after compinit',
        'bucketstreams completion fish | source       # in ~/.config/fish/config.fish',
      ),
    )
    .action((shell) => run.terminal.out(SCRIPTS[shell]));
}

/**
 * Each script passes the words up to the cursor to `bucketstreams complete`. It completes file names when that
 * prints no word.
 */
const SCRIPTS = {
  bash: `_bucketstreams() {
  local IFS=$'\\n'
  COMPREPLY=($(bucketstreams complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _bucketstreams bucketstreams
`,
  zsh: `_bucketstreams() {
  local -a found
  found=("\${(@f)$(bucketstreams complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n $found ]]; then
    compadd -- "\${(@)found%%$'\\t'*}"
  else
    _files
  fi
}
compdef _bucketstreams bucketstreams
`,
  fish: `function __bucketstreams_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (bucketstreams complete -- $words[2..-1] 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c bucketstreams -f -a '(__bucketstreams_complete)'
`,
} as const;
